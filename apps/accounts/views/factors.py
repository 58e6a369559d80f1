"""One's own second factors: authenticator app, passkeys, recovery codes."""

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts import passkeys, queries, second_factor, signing_in
from apps.accounts.decorators import recently_authenticated, serves_set_up
from apps.accounts.forms import CodeForm, NewPasskeyForm, PasskeyNameForm
from apps.accounts.http import UserRequest
from apps.core.errors import InvalidInput
from apps.core.views import add_error, status_of


@never_cache
@serves_set_up
def account_factors(request: UserRequest) -> HttpResponse:
    context = {
        "app": queries.app_of(request.user),
        "passkeys": request.user.passkeys.all(),
        "recovery_codes_left": request.user.recovery_codes.count(),
        "is_demanded": queries.demands_second_factor(request.user),
    }
    return render(request, "accounts/factors.html", context)


# --- authenticator app ------------------------------------------------------------------------------------------------
@never_cache
@serves_set_up
@sensitive_post_parameters("code", "token")
@recently_authenticated
def factor_add_app(request: UserRequest) -> HttpResponse:
    token = request.POST.get("token", "")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.add_app(request.user, token, form.cleaned_data["code"], actor=request.actor)
        except InvalidInput as error:
            add_error(form, error)
        else:
            return _done(request, "Your authenticator app is set up.", codes)
    proposed = second_factor.propose_app(request.user, request.get_host(), token)
    return render(request, "accounts/factor_app.html", {"form": form, "proposed": proposed}, status=status_of(form))


@require_POST
@recently_authenticated
def factor_remove_app(request: UserRequest) -> HttpResponse:
    second_factor.remove_app(request.user, actor=request.actor)
    messages.success(request, "Your authenticator app is removed.")
    return redirect("account-factors")


# --- passkeys ---------------------------------------------------------------------------------------------------------
@never_cache
@serves_set_up
@recently_authenticated
def factor_add_passkey(request: UserRequest) -> HttpResponse:
    form = NewPasskeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        state = signing_in.take_question(request, request.user, "make")
        try:
            codes = passkeys.add_passkey(
                request.user, state, form.cleaned_data["answer"], form.cleaned_data["name"], actor=request.actor
            )
        except InvalidInput as error:
            add_error(form, error)
        else:
            return _done(request, "Your passkey is kept.", codes)
    return render(request, "accounts/factor_passkey.html", {"form": form}, status=status_of(form))


@require_POST
@serves_set_up
@recently_authenticated
def factor_passkey_options(request: UserRequest) -> HttpResponse:
    options, state = passkeys.ask_to_make(request.user)
    signing_in.keep_question(request, state, request.user, "make")
    return JsonResponse(options)


@require_POST
@recently_authenticated
def factor_rename_passkey(request: UserRequest, pk: int) -> HttpResponse:
    passkey = get_object_or_404(request.user.passkeys, pk=pk)
    form = PasskeyNameForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("A passkey's name has 1 to 60 characters.", field="name")
    passkeys.rename_passkey(passkey, form.cleaned_data["name"], actor=request.actor)
    return redirect("account-factors")


@require_POST
@recently_authenticated
def factor_remove_passkey(request: UserRequest, pk: int) -> HttpResponse:
    passkey = get_object_or_404(request.user.passkeys, pk=pk)
    passkeys.remove_passkey(passkey, actor=request.actor)
    messages.success(request, f"The passkey {passkey.name} is removed.")
    return redirect("account-factors")


# --- recovery codes ---------------------------------------------------------------------------------------------------
@require_POST
@never_cache
@recently_authenticated
def factor_recovery_codes(request: UserRequest) -> HttpResponse:
    """New codes, shown on the answer to this and never again."""
    if not second_factor.has_second_factor(request.user):
        raise InvalidInput("Recovery codes stand in for a second factor. Set one up first.")
    codes = second_factor.make_recovery_codes(request.user, actor=request.actor)
    return _show_codes(request, codes)


def _done(request: UserRequest, what: str, codes: list[str]) -> HttpResponse:
    messages.success(request, what)
    return _show_codes(request, codes) if codes else redirect("account-factors")


def _show_codes(request: UserRequest, codes: list[str]) -> HttpResponse:
    return render(request, "accounts/recovery_codes.html", {"codes": codes, "text": "\n".join([*codes, ""])})
