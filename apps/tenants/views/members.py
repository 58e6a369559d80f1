"""Who belongs to the tenant, and what they may do. The rules are those of `apps.tenants.roster`."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, status_of, text_of
from apps.tenants import members, queries, roster
from apps.tenants.access import nothing_here
from apps.tenants.applications import application_names
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.forms import RightsForm
from apps.tenants.permissions import Permission, Role


@tenant_view(Permission.VIEW)
def member_list(request: TenantRequest) -> HttpResponse:
    query = text_of(request.GET, "q")
    page = page_of(request, queries.members_of(request.tenant, query))
    context = {"page_obj": page, "query": query, **queries.members_page(request.access, page.object_list)}
    is_fragment = request.htmx and not request.htmx.boosted
    return render(request, f"tenants/{'_members' if is_fragment else 'members'}.html", context)


@tenant_view(Permission.ENTER)
def member_detail(request: TenantRequest, member: int) -> HttpResponse:
    """What somebody may do, and why; of oneself to everybody, of others to those who see the list."""
    membership = _membership(request, pk=member)
    if membership.user != request.user:
        request.access.require(Permission.VIEW)
    return _detail(request, membership)


@tenant_view(Permission.ENTER)
def my_rights(request: TenantRequest) -> HttpResponse:
    return _detail(request, _own(request))


@tenant_view(Permission.MEMBERS)
def member_role(request: TenantRequest, member: int) -> HttpResponse:
    membership = _membership(request, pk=member)
    roster.check_reach(request.access, Role(membership.role))
    form = RightsForm(
        request.POST or None,
        initial=RightsForm.initial_for(
            Role(membership.role), {grant.application_id: Role(grant.role) for grant in membership.grants.all()}
        ),
        highest=request.access.role,
        applications=application_names(request.tenant),
    )
    if request.method == "POST" and form.is_valid():
        try:
            members.change_member(membership, form.role_chosen, form.grants, actor=request.actor)
        except InvalidInput as error:
            add_error(form, error)
        else:
            messages.success(request, f"What {membership.user.name} may do has changed. It holds from now on.")
            return redirect("member-detail", request.tenant.slug, member)
    context = {"form": form, "membership": membership, "is_self": membership.user == request.user}
    return render(request, "tenants/member_role.html", context, status=status_of(form))


@tenant_view(Permission.MEMBERS)
def member_remove(request: TenantRequest, member: int) -> HttpResponse:
    membership = _membership(request, pk=member)
    roster.check_reach(request.access, Role(membership.role))
    if membership.user == request.user:
        return redirect("member-leave", request.tenant.slug)
    if request.method == "POST":
        members.remove_member(membership, actor=request.actor)
        messages.success(request, f"{membership.user} is not a member any more.")
        return redirect("member-list", request.tenant.slug)
    context = {"membership": membership, "lost": queries.what_is_lost(membership)}
    return render(request, "tenants/member_remove.html", context)


@tenant_view(Permission.ENTER)
def member_leave(request: TenantRequest) -> HttpResponse:
    membership = _own(request)
    if request.method == "POST":
        members.leave_tenant(membership, actor=request.actor)
        messages.success(request, f"You have left {request.tenant.name}.")
        return redirect("home")
    context = {
        "membership": membership,
        "lost": queries.what_is_lost(membership),
        "why_not": queries.why_not_leave(membership, request.actor),
    }
    return render(request, "tenants/member_leave.html", context)


def _detail(request: TenantRequest, membership: Any) -> HttpResponse:
    may_manage = Permission.MEMBERS in request.may and not Role(membership.role).is_above(request.access.role)
    context = {
        "membership": membership,
        "rights": queries.rights_of(membership),
        "has_grants": bool(membership.grants.all()),
        "is_self": membership.user == request.user,
        "may_manage": may_manage,
    }
    return render(request, "tenants/member.html", context)


def _own(request: TenantRequest) -> Any:
    """One's own membership, or that of the member through whom an operator looks."""
    through = request.impersonation
    return _membership(request, user=through.member_id if through else request.user.pk)


def _membership(request: TenantRequest, **which: int | None) -> Any:
    found = queries.membership_of(request.tenant, **which)
    if found is None:
        raise nothing_here()
    return found
