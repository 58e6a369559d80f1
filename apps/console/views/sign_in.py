"""The rules for signing in, and the places elsewhere at which people may."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts import identities, oidc, services
from apps.accounts.decorators import recently_authenticated
from apps.accounts.http import UserRequest
from apps.accounts.queries import policy
from apps.console import queries
from apps.console.access import operator_view
from apps.console.forms import PolicyForm, ProviderForm
from apps.core import mail
from apps.core.errors import InvalidInput
from apps.core.views import add_error, status_of


@operator_view
def sign_in(request: UserRequest) -> HttpResponse:
    rules = policy()
    form = PolicyForm(initial={"second_factor": rules.second_factor, "sign_up": rules.sign_up})
    context = {"form": form, "providers": queries.all_providers(), "has_mail": mail.is_configured()}
    return render(request, "console/sign_in.html", context)


@require_POST
@operator_view
@recently_authenticated
def change_policy(request: UserRequest) -> HttpResponse:
    form = PolicyForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Choose one of the offered rules.")
    services.change_policy(**form.cleaned_data, actor=request.actor)
    messages.success(request, "The rules hold from now on.")
    return redirect("console-sign-in")


@operator_view
@sensitive_post_parameters("client_secret")
@recently_authenticated
def new_provider(request: UserRequest) -> HttpResponse:
    form = ProviderForm(request.POST or None, provider=queries.new_provider())
    return _save(request, form) or render(request, "console/provider.html", {"form": form}, status=status_of(form))


@operator_view
@sensitive_post_parameters("client_secret")
@recently_authenticated
def provider(request: UserRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.all_providers(), pk=pk)
    form = ProviderForm(request.POST or None, provider=found)
    context = {"form": form, "provider": found, "callback": identities.callback_of(found.slug)}
    return _save(request, form) or render(request, "console/provider.html", context, status=status_of(form))


def _save(request: UserRequest, form: ProviderForm) -> HttpResponse | None:
    """Where to go once the form's provider is kept; None while the form is to be shown."""
    if request.method != "POST" or not form.is_valid():
        return None
    provider = form.provider_as_sent()
    try:
        identities.save_provider(provider, actor=request.actor)
    except InvalidInput as error:
        add_error(form, error)
        return None
    messages.success(request, f"{provider} is kept.")
    return redirect("provider-change", provider.pk)


@require_POST
@operator_view
def test_provider(request: UserRequest, pk: int) -> HttpResponse:
    """Ask the provider who it is, as every sign-in does."""
    found = get_object_or_404(queries.all_providers(), pk=pk)
    try:
        oidc.discover(found.issuer)
    except oidc.ProviderFault as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{found} answers as {found.issuer}. Whether the secret is right, a sign-in shows.")
    return redirect("provider-change", pk)


@require_POST
@operator_view
@recently_authenticated
def delete_provider(request: UserRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.all_providers(), pk=pk)
    identities.delete_provider(found, actor=request.actor)
    messages.success(request, f"{found} is removed.")
    return redirect("console-sign-in")
