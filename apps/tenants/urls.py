from django.urls import path

from apps.tenants.views import invitations, members, tenant, tokens

_tenant = "t/<slug:tenant>/"
_member = _tenant + "members/<int:member>/"
_invitation = _tenant + "invitations/<int:invitation>/"

urlpatterns = [
    path("", tenant.home, name="home"),
    path(_tenant + "activity/", tenant.activity, name="tenant-activity"),
    path(_tenant + "settings/", tenant.settings, name="tenant-settings"),
    path(_tenant + "settings/rename/", tenant.rename, name="tenant-rename"),
    path(_tenant + "members/", members.member_list, name="member-list"),
    path(_tenant + "members/me/", members.my_rights, name="member-me"),
    path(_tenant + "members/leave/", members.member_leave, name="member-leave"),
    path(_tenant + "members/invite/", invitations.member_invite, name="member-invite"),
    path(_member, members.member_detail, name="member-detail"),
    path(_member + "role/", members.member_role, name="member-role"),
    path(_member + "remove/", members.member_remove, name="member-remove"),
    path(_invitation + "resend/", invitations.invitation_resend, name="invitation-resend"),
    path(_invitation + "revoke/", invitations.invitation_revoke, name="invitation-revoke"),
    path("invitations/<str:token>/", invitations.invitation_accept, name="invitation-accept"),
    path(_tenant + "tokens/", tokens.token_list, name="token-list"),
    path(_tenant + "tokens/new/", tokens.token_create, name="token-create"),
    path(_tenant + "tokens/<int:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("tenants/new/", tenant.found, name="tenant-found"),
    path("account/tokens/", tokens.account_tokens, name="account-tokens"),
    path("account/tokens/<slug:tenant>/new/", tokens.account_token_create, name="account-token-create"),
    path("account/tokens/<int:pk>/revoke/", tokens.account_token_revoke, name="account-token-revoke"),
]
