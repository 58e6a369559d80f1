"""Inviting people, and the page that an invitation's link opens."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts import sign_up
from apps.accounts.forms import ProvedAccountForm
from apps.accounts.http import PanelRequest, UserRequest
from apps.accounts.signing_in import enter
from apps.core import mail
from apps.core.errors import InvalidInput
from apps.core.views import add_error, status_of
from apps.tenants import invitations, queries
from apps.tenants.applications import application_names
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.forms import InviteForm
from apps.tenants.permissions import Permission, Role


# --- by who invites ---------------------------------------------------------------------------------------------------
@never_cache
@tenant_view(Permission.MEMBERS)
def member_invite(request: TenantRequest) -> HttpResponse:
    form = InviteForm(
        request.POST or None,
        initial={"role": Role.DEVELOPER.value},
        highest=request.access.role,
        applications=application_names(request.tenant),
    )
    if request.method == "POST" and form.is_valid():
        try:
            issued = invitations.invite_member(
                request.tenant,
                form.cleaned_data["email"],
                form.role_chosen,
                form.grants,
                inviter=request.user,
                actor=request.actor,
            )
        except InvalidInput as error:
            add_error(form, error)
        else:
            return _issued(request, issued)
    context = {
        "form": form,
        "has_mail": mail.is_configured(),
        "quota": queries.places_after_one_more(request.tenant),
    }
    return render(request, "tenants/invite.html", context, status=status_of(form))


@never_cache
@require_POST
@tenant_view(Permission.MEMBERS)
def invitation_resend(request: TenantRequest, invitation: int) -> HttpResponse:
    found = get_object_or_404(queries.invitations_of(request.tenant), pk=invitation)
    return _issued(request, invitations.resend_invitation(found, inviter=request.user, actor=request.actor))


@require_POST
@tenant_view(Permission.MEMBERS)
def invitation_revoke(request: TenantRequest, invitation: int) -> HttpResponse:
    found = get_object_or_404(queries.invitations_of(request.tenant), pk=invitation)
    invitations.revoke_invitation(found, actor=request.actor)
    messages.success(request, f"The invitation of {found} is withdrawn: its link opens nothing any more.")
    return redirect("member-list", request.tenant.slug)


def _issued(request: TenantRequest, issued: invitations.Issued) -> HttpResponse:
    """The link is in this answer and nowhere else: neither the database nor the session keeps it."""
    if issued.link:
        return render(request, "tenants/invitation_link.html", {"invitation": issued.invitation, "link": issued.link})
    messages.success(request, f"{issued.invitation} has mail: the link there is good for 72 hours.")
    return redirect("member-list", request.tenant.slug)


# --- by who is invited ------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@sensitive_post_parameters("password")
def invitation_accept(request: PanelRequest, token: str) -> HttpResponse:
    """Signed in as the invited one, one click; as somebody else, nothing to see; as nobody, sign in or sign up here."""
    invitation = invitations.find_invitation(token)
    if request.user.is_authenticated:
        return _accept(cast("UserRequest", request), invitation)
    if queries.has_account(invitation.email):
        return _page(request, invitation)
    sign_up.invite(request.session, invitation.email, is_verified=invitation.was_mailed)
    sign_up.require_may_sign_up(request.session, invitation.email)
    form = ProvedAccountForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        try:
            user = invitations.accept_as_newcomer(invitation, **form.cleaned_data, actor=request.actor)
        except InvalidInput as error:
            add_error(form, error)
        else:
            enter(request, user)
            return _welcome(request, invitation)
    return _page(request, invitation, form)


def _accept(request: UserRequest, invitation: Any) -> HttpResponse:
    if request.method == "POST":
        invitations.accept_invitation(invitation, request.user, actor=request.actor)
        return _welcome(request, invitation)
    if request.user.email != invitation.email:
        return render(request, "tenants/invitation_for_another.html", status=403)
    return _page(request, invitation)


def _page(request: PanelRequest, invitation: Any, form: ProvedAccountForm | None = None) -> HttpResponse:
    context = {
        "invitation": invitation,
        "role": Role(invitation.role),
        "promises": queries.promises_of(invitation),
        "form": form,
    }
    return render(request, "tenants/invitation.html", context, status=status_of(form) if form else 200)


def _welcome(request: PanelRequest, invitation: Any) -> HttpResponse:
    messages.success(request, f"You are in {invitation.tenant.name} now, as {Role(invitation.role).label.lower()}.")
    return redirect("tenant-overview", invitation.tenant.slug)
