"""Signing in and out, signing up, and setting a new password: pages for people whom we do not know yet."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from apps.accounts import passkeys, queries, resets, second_factor, services, sign_up, signing_in
from apps.accounts.decorators import serves_set_up
from apps.accounts.forms import (
    CodeForm,
    EmailForm,
    NewAccountForm,
    PasskeyForm,
    PasswordForm,
    ProvedAccountForm,
    SignInForm,
)
from apps.accounts.http import PanelRequest
from apps.audit.services import record
from apps.core import mail
from apps.core.errors import InvalidInput, PanelError
from apps.core.views import add_error, status_of


# --- signing in -------------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@sensitive_post_parameters("password")
def sign_in(request: PanelRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    signing_in.forget_halfway(request)
    form = SignInForm(request.POST or None)
    next_url = signing_in.asked_for(request)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            user = services.check_password(request, **form.cleaned_data, actor=request.actor)
        except PanelError as error:
            form.add_error(None, error.message)
            status = error.status
        else:
            return signing_in.sign_in(request, user, how="password", next_url=next_url)
    return render(request, "accounts/sign_in.html", {"form": form, **_ways(request, next_url)}, status=status)


def _ways(request: PanelRequest, next_url: str) -> dict[str, Any]:
    """What the sign-in page offers beside the password."""
    return {
        "next": next_url,
        "providers": queries.enabled_providers(),
        "may_sign_up": sign_up.may_sign_up(request.session),
    }


@login_not_required
@require_POST
def passkey_options(request: PanelRequest) -> HttpResponse:
    """What the browser is to ask of a passkey: of the person's who is halfway in, or of anybody's."""
    halfway = signing_in.halfway(request)
    user = halfway[0] if halfway else None
    options, state = passkeys.ask_for(user)
    signing_in.keep_question(request, state, user, "sign-in")
    return JsonResponse(options)


@login_not_required
@require_POST
def sign_in_with_passkey(request: PanelRequest) -> HttpResponse:
    """The passkey as the second factor of the person who is halfway in, or as the only thing that is asked."""
    if request.user.is_authenticated:
        return redirect("home")
    form = PasskeyForm(request.POST)
    halfway = signing_in.halfway(request)
    user, kept = halfway or (None, {})
    try:
        if not form.is_valid():
            raise InvalidInput("The browser's answer could not be read. Try again.")
        state = signing_in.take_question(request, user, "sign-in")
        user = passkeys.use_passkey(user, state, form.cleaned_data["answer"], actor=request.actor)
    except PanelError as error:
        messages.error(request, error.message)
        return redirect("sign-in-second-factor" if halfway else "sign-in")
    how = f"{kept['how']}, passkey" if kept else "passkey"
    return signing_in.complete(request, user, how=how, next_url=kept.get("next") or signing_in.asked_for(request))


@login_not_required
@never_cache
@sensitive_post_parameters("code")
def sign_in_second_factor(request: PanelRequest) -> HttpResponse:
    halfway = signing_in.halfway(request)
    if request.user.is_authenticated or halfway is None:
        return redirect("sign-in")
    user, kept = halfway
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            second_factor.use_code(
                user,
                form.cleaned_data["code"],
                actor=services.actor_for(user, request.actor),
                halfway_key=str(request.session.session_key),
            )
        except PanelError as error:
            form.add_error("code", error.message)
            status = error.status
        else:
            return signing_in.complete(request, user, how=f"{kept['how']}, code", next_url=kept["next"])
    context = {"form": form, "person": user, **second_factor.factors_of(user)}
    return render(request, "accounts/sign_in_second_factor.html", context, status=status)


@require_POST
@serves_set_up
def sign_out(request: PanelRequest) -> HttpResponse:
    record("session.sign-out", actor=request.actor)
    next_url = signing_in.asked_for(request)
    logout(request)
    return redirect(next_url or "sign-in")


# --- signing up -------------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@sensitive_post_parameters("password")
def sign_up_page(request: PanelRequest) -> HttpResponse:
    """With mail: the address first, which a link proves. Without it, or invited to an address that is proved: all."""
    if request.user.is_authenticated:
        return redirect("home")
    next_url = signing_in.asked_for(request)
    if not sign_up.may_sign_up(request.session):
        return render(request, "accounts/sign_up_closed.html")
    email, is_verified = sign_up.invitation(request.session)
    if mail.is_configured() and not is_verified:
        return _sign_up_by_mail(request, email, next_url)
    form = ProvedAccountForm(request.POST or None, email=email) if email else NewAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = {"email": email, **form.cleaned_data}
        return _make_account(request, form, values, is_verified=is_verified, next_url=next_url)
    return _sign_up_form(request, form, email, next_url)


def _sign_up_by_mail(request: PanelRequest, email: str, next_url: str) -> HttpResponse:
    form = EmailForm(request.POST or None, initial={"email": email})
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["email"]
        sign_up.mail_link(request.session, address, next_url=next_url, actor=request.actor)
        return render(request, "accounts/mail_sent.html", {"email": address, "purpose": "sign-up"})
    return render(request, "accounts/sign_up_email.html", {"form": form, "next": next_url}, status=status_of(form))


@login_not_required
@never_cache
@sensitive_post_parameters("password")
def sign_up_confirm(request: PanelRequest, token: str) -> HttpResponse:
    """The mailed link: the address is proved; name and password make the account."""
    email, next_url = sign_up.proved(request.session, token)
    if request.user.is_authenticated:
        return redirect("home")
    form = ProvedAccountForm(request.POST or None, email=email)
    if request.method == "POST" and form.is_valid():
        sign_up.require_may_sign_up(request.session, email)
        return _make_account(request, form, {"email": email, **form.cleaned_data}, is_verified=True, next_url=next_url)
    return _sign_up_form(request, form, email, next_url)


@sensitive_variables("values")
def _make_account(
    request: PanelRequest, form: Any, values: dict[str, str], *, is_verified: bool, next_url: str
) -> HttpResponse:
    try:
        user = sign_up.make_account(**values, is_verified=is_verified, actor=request.actor)
    except InvalidInput as error:
        add_error(form, error)
        return _sign_up_form(request, form, values["email"], next_url)
    return signing_in.complete(request, user, how="sign-up", next_url=next_url)


def _sign_up_form(request: PanelRequest, form: Any, email: str, next_url: str) -> HttpResponse:
    context = {"form": form, "email": email, "next": next_url}
    return render(request, "accounts/sign_up.html", context, status=status_of(form))


# --- a new password ---------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
def password_forgotten(request: PanelRequest) -> HttpResponse:
    """Asks for the address and mails a link there; without mail, says who makes one."""
    form = EmailForm(request.POST or None)
    if not mail.is_configured():
        return render(request, "accounts/password_forgotten.html", {"has_mail": False})
    if request.method == "POST" and form.is_valid():
        resets.mail_link(form.cleaned_data["email"], actor=request.actor)
        context = {"email": form.cleaned_data["email"], "purpose": "reset"}
        return render(request, "accounts/mail_sent.html", context)
    return render(request, "accounts/password_forgotten.html", {"form": form, "has_mail": True}, status=status_of(form))


@login_not_required
@never_cache
@sensitive_post_parameters("password")
def password_reset(request: PanelRequest, uid: str, token: str) -> HttpResponse:
    """The one-time link, mailed or handed over by the operator."""
    user = resets.check_link(uid, token)
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        resets.reset_password(uid, token, form.cleaned_data["password"], actor=request.actor)
        messages.success(request, "Your new password is set. Sign in with it.")
        return redirect("sign-in")
    return render(request, "accounts/password_reset.html", {"form": form, "person": user}, status=status_of(form))
