"""One's own account: profile, password, sessions, connected sign-ins; and proving once more that it is oneself."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts import identities, passkeys, profile, queries, second_factor, services, sessions, signing_in
from apps.accounts.decorators import recently_authenticated, serves_set_up
from apps.accounts.forms import CodeForm, ConfirmForm, EmailForm, PasskeyForm, PasswordForm, ProfileForm
from apps.accounts.http import UserRequest
from apps.core import mail
from apps.core.errors import InvalidInput, PanelError
from apps.core.views import add_error, status_of


# --- profile and password ---------------------------------------------------------------------------------------------
@never_cache
def account_profile(request: UserRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        services.change_name(request.user, form.cleaned_data["name"], actor=request.actor)
        messages.success(request, "Your name is changed.")
        return redirect("account-profile")
    context = {"form": form, "has_mail": mail.is_configured()}
    return render(request, "accounts/profile.html", context, status=status_of(form))


@never_cache
@recently_authenticated
def account_email(request: UserRequest) -> HttpResponse:
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        if mail.is_configured():
            profile.mail_email_link(request.user, email, actor=request.actor)
            messages.info(request, f"Open the link that was mailed to {email}: then the address is yours.")
            return redirect("account-profile")
        try:
            services.change_email(request.user, email, is_verified=False, actor=request.actor)
        except InvalidInput as error:
            add_error(form, error)
        else:
            messages.success(request, f"Sign in with {email} from now on.")
            return redirect("account-profile")
    context = {"form": form, "has_mail": mail.is_configured()}
    return render(request, "accounts/email.html", context, status=status_of(form))


@never_cache
def account_email_confirm(request: UserRequest, token: str) -> HttpResponse:
    profile.use_email_link(request.user, token, actor=request.actor)
    messages.success(request, f"Sign in with {request.user.email} from now on.")
    return redirect("account-profile")


@never_cache
@sensitive_post_parameters("password")
@recently_authenticated
def account_password(request: UserRequest) -> HttpResponse:
    form = PasswordForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        here = str(request.session.session_key)
        services.change_password(request.user, form.cleaned_data["password"], keep=here, actor=request.actor)
        signing_in.enter(request, request.user)
        messages.success(request, "Your password is changed. Other devices are signed out.")
        return redirect("account-password")
    return render(request, "accounts/password.html", {"form": form}, status=status_of(form))


# --- sessions ---------------------------------------------------------------------------------------------------------
@never_cache
def account_sessions(request: UserRequest) -> HttpResponse:
    context = {"sessions": queries.sessions_of(request.user), "here": request.session.session_key}
    return render(request, "accounts/sessions.html", context)


@require_POST
def session_revoke(request: UserRequest, number: str) -> HttpResponse:
    session = get_object_or_404(queries.sessions_of(request.user), number=number)
    sessions.revoke_session(session, actor=request.actor)
    messages.success(request, "That device is signed out.")
    return redirect("account-sessions")


@require_POST
def session_revoke_others(request: UserRequest) -> HttpResponse:
    sessions.revoke_other_sessions(request.user, keep=str(request.session.session_key), actor=request.actor)
    messages.success(request, "You are signed out everywhere but here.")
    return redirect("account-sessions")


# --- connected sign-ins -----------------------------------------------------------------------------------------------
@never_cache
def account_connections(request: UserRequest) -> HttpResponse:
    mine = list(queries.identities_of(request.user))
    offered = queries.enabled_providers().exclude(pk__in=[identity.provider_id for identity in mine])
    return render(request, "accounts/connections.html", {"identities": mine, "offered": offered})


@require_POST
@recently_authenticated
def identity_disconnect(request: UserRequest, pk: int) -> HttpResponse:
    identity = get_object_or_404(queries.identities_of(request.user), pk=pk)
    identities.disconnect(identity, actor=request.actor)
    messages.success(request, f"{identity.provider} does not sign you in any more.")
    return redirect("account-connections")


# --- once more: is it you? --------------------------------------------------------------------------------------------
@never_cache
@serves_set_up
@sensitive_post_parameters("password", "code")
def confirm(request: UserRequest) -> HttpResponse:
    """Any one proof will do: password, code, passkey, or signing in again at a connected provider."""
    next_url = signing_in.asked_for(request)
    form = ConfirmForm(request.POST if "password" in request.POST else None)
    code_form = CodeForm(request.POST if "code" in request.POST else None)
    status = 200
    if request.method == "POST":
        try:
            if _is_proved(request, form, code_form):
                signing_in.mark_confirmed(request)
                return HttpResponseRedirect(next_url or "/")
            status = 422
        except PanelError as error:
            messages.error(request, error.message)
            status = error.status
    factors = second_factor.factors_of(request.user)
    context = {
        "form": form,
        "code_form": code_form,
        "next": next_url,
        "has_password": request.user.has_usable_password(),
        "identities": queries.identities_of(request.user).filter(provider__is_enabled=True),
        **factors,
    }
    return render(request, "accounts/confirm.html", context, status=status)


def _is_proved(request: UserRequest, form: ConfirmForm, code_form: CodeForm) -> bool:
    """Whether what was sent is a proof; raises PanelError with what is wrong with it. Every attempt is recorded."""
    user, actor = request.user, request.actor
    if form.is_bound and form.is_valid():
        password = form.cleaned_data["password"]
        services.confirm_password(request, user, password, actor=actor)
    elif code_form.is_bound and code_form.is_valid():
        second_factor.use_code(user, code_form.cleaned_data["code"], actor=actor, action="session.confirm-code")
    elif "answer" in request.POST:
        answer = PasskeyForm(request.POST)
        state = signing_in.take_question(request, user, "confirm")
        if not answer.is_valid():
            return False
        passkeys.use_passkey(user, state, answer.cleaned_data["answer"], actor=actor, action="session.confirm")
    else:
        return False
    return True


@require_POST
@serves_set_up
def confirm_passkey_options(request: UserRequest) -> HttpResponse:
    options, state = passkeys.ask_for(request.user)
    signing_in.keep_question(request, state, request.user, "confirm")
    return JsonResponse(options)
