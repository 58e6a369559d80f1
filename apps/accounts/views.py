from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts import services
from apps.accounts.forms import SignInForm
from apps.accounts.http import PanelRequest
from apps.audit.services import record
from apps.core.errors import PanelError


@login_not_required
@never_cache
@sensitive_post_parameters("password")
def sign_in(request: PanelRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    form = SignInForm(request.POST or None)
    next_url = request.POST.get("next", request.GET.get("next", ""))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            user = services.check_password(request, **form.cleaned_data, actor=request.actor)
        except PanelError as error:
            form.add_error(None, error.message)
            status = error.status
        else:
            login(request, user)
            record("session.sign-in", actor=services.actor_for(user, request.actor), target=user)
            return HttpResponseRedirect(next_url) if _is_ours(request, next_url) else redirect("home")
    return render(request, "accounts/sign_in.html", {"form": form, "next": next_url}, status=status)


@require_POST
def sign_out(request: PanelRequest) -> HttpResponse:
    record("session.sign-out", actor=request.actor)
    logout(request)
    next_url = request.POST.get("next", "")
    return HttpResponseRedirect(next_url) if _is_ours(request, next_url) else redirect("sign-in")


def _is_ours(request: HttpRequest, url: str) -> bool:
    return url.startswith("/") and url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
