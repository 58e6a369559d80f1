from django.urls import path

from apps.accounts.views import account, entrance, factors, oidc

urlpatterns = [
    path("sign-in/", entrance.sign_in, name="sign-in"),
    path("sign-in/second-factor/", entrance.sign_in_second_factor, name="sign-in-second-factor"),
    path("sign-in/passkey/", entrance.sign_in_with_passkey, name="sign-in-passkey"),
    path("sign-in/passkey/options/", entrance.passkey_options, name="sign-in-passkey-options"),
    path("sign-in/at/<slug:provider>/", oidc.oidc_sign_in, name="oidc-sign-in"),
    path("sign-in/at/<slug:provider>/back/", oidc.oidc_callback, name="oidc-callback"),
    path("sign-out/", entrance.sign_out, name="sign-out"),
    path("sign-up/", entrance.sign_up_page, name="sign-up"),
    path("sign-up/<str:token>/", entrance.sign_up_confirm, name="sign-up-confirm"),
    path("password/", entrance.password_forgotten, name="password-forgotten"),
    path("password/<str:uid>/<str:token>/", entrance.password_reset, name="password-reset"),
    path("account/", account.account_profile, name="account-profile"),
    path("account/email/", account.account_email, name="account-email"),
    path("account/email/<str:token>/", account.account_email_confirm, name="account-email-confirm"),
    path("account/password/", account.account_password, name="account-password"),
    path("account/second-factor/", factors.account_factors, name="account-factors"),
    path("account/second-factor/app/", factors.factor_add_app, name="factor-add-app"),
    path("account/second-factor/app/remove/", factors.factor_remove_app, name="factor-remove-app"),
    path("account/second-factor/passkeys/new/", factors.factor_add_passkey, name="factor-add-passkey"),
    path("account/second-factor/passkeys/options/", factors.factor_passkey_options, name="factor-passkey-options"),
    path(
        "account/second-factor/passkeys/<int:pk>/rename/", factors.factor_rename_passkey, name="factor-rename-passkey"
    ),
    path(
        "account/second-factor/passkeys/<int:pk>/remove/", factors.factor_remove_passkey, name="factor-remove-passkey"
    ),
    path("account/second-factor/recovery-codes/", factors.factor_recovery_codes, name="factor-recovery-codes"),
    path("account/sessions/", account.account_sessions, name="account-sessions"),
    path("account/sessions/others/revoke/", account.session_revoke_others, name="session-revoke-others"),
    path("account/sessions/<uuid:number>/revoke/", account.session_revoke, name="session-revoke"),
    path("account/connected/", account.account_connections, name="account-connections"),
    path("account/connected/<int:pk>/disconnect/", account.identity_disconnect, name="identity-disconnect"),
    path("account/connected/<slug:provider>/connect/", oidc.oidc_connect, name="oidc-connect"),
    path("account/confirm/", account.confirm, name="confirm"),
    path("account/confirm/passkey/", account.confirm_passkey_options, name="confirm-passkey-options"),
    path("account/confirm/at/<slug:provider>/", oidc.oidc_confirm, name="oidc-confirm"),
]
