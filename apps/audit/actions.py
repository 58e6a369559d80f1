"""The actions that the audit log knows, each in the words for a success and for a mere attempt.

To record an unregistered one is a bug.
"""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """`done`: "renamed"; `attempt`: "rename", as in "was refused to rename".

    What a worker does later is "asked to": how it ended is the operation's to tell; a failure is an event of its own.
    """

    done: str
    attempt: str


ACTIONS: Final[dict[str, Words]] = {
    "installation.set-up": Words("set up the installation", "set up the installation"),
    "session.sign-in": Words("signed in", "sign in"),
    "session.sign-out": Words("signed out", "sign out"),
    "session.second-factor": Words("passed the second factor of", "pass the second factor of"),
    "session.confirm": Words("confirmed to be", "confirm to be"),
    "session.confirm-code": Words("confirmed by a code to be", "confirm by a code to be"),
    "session.revoke": Words("signed out a device of", "sign out a device of"),
    "session.revoke-others": Words("signed out all other devices of", "sign out all other devices of"),
    "account.sign-up-link": Words("asked for a link to sign up as", "ask for a link to sign up as"),
    "account.sign-up": Words("made the account", "make an account"),
    "account.profile": Words("changed the name of", "change the name of"),
    "account.email-link": Words("asked for a link to prove the address", "ask for a link to prove an address"),
    "account.email": Words("changed the e-mail address of", "change the e-mail address of"),
    "account.password": Words("changed the password of", "change the password of"),
    "account.forgot-password": Words("asked for a new password for", "ask for a new password for"),
    "account.reset-password": Words("set a new password by a link for", "set a new password by a link for"),
    "factor.add-app": Words("added an authenticator app to", "add an authenticator app to"),
    "factor.remove-app": Words("removed the authenticator app of", "remove the authenticator app of"),
    "factor.add-passkey": Words("added a passkey to", "add a passkey to"),
    "factor.rename-passkey": Words("renamed a passkey of", "rename a passkey of"),
    "factor.remove-passkey": Words("removed a passkey of", "remove a passkey of"),
    "factor.recovery-codes": Words("made new recovery codes for", "make new recovery codes for"),
    "factor.use-recovery-code": Words("used up a recovery code of", "use a recovery code of"),
    "identity.sign-in": Words("signed in elsewhere as", "sign in elsewhere as"),
    "identity.connect": Words("connected a sign-in to", "connect a sign-in to"),
    "identity.disconnect": Words("disconnected a sign-in from", "disconnect a sign-in from"),
    "provider.create": Words("added the sign-in provider", "add a sign-in provider"),
    "provider.change": Words("changed the sign-in provider", "change the sign-in provider"),
    "provider.delete": Words("removed the sign-in provider", "remove the sign-in provider"),
    "policy.change": Words("changed", "change"),
    "user.activate": Words("activated", "activate"),
    "user.deactivate": Words("deactivated", "deactivate"),
    "user.make-operator": Words("made an operator of", "make an operator of"),
    "user.unmake-operator": Words("took the operator's rights from", "take the operator's rights from"),
    "user.sign-out": Words("signed out everywhere", "sign out everywhere"),
    "user.remove-second-factor": Words("removed the second factor of", "remove the second factor of"),
    "user.reset-link": Words("made a link for a new password for", "make a link for a new password for"),
    "user.create": Words("created the user", "create the user"),
    "tenant.create": Words("created the tenant", "create the tenant"),
    "tenant.plan": Words("changed the plan of", "change the plan of"),
    "tenant.override": Words("set a limit of", "set a limit of"),
    "tenant.override-end": Words("ended a limit of", "end a limit of"),
    "plan.create": Words("created the plan", "create a plan"),
    "plan.change": Words("changed the plan", "change the plan"),
    "plan.delete": Words("deleted the plan", "delete the plan"),
    "tenant.rename": Words("renamed the tenant to", "rename the tenant"),
    "tenant.suspend": Words("suspended the tenant", "suspend the tenant"),
    "tenant.resume": Words("resumed the tenant", "resume the tenant"),
    "tenant.close": Words("asked to delete the tenant", "delete the tenant"),
    "tenant.reopen": Words("undid the deletion of the tenant", "undo the deletion of the tenant"),
    "tenant.erase": Words("deleted for good the tenant", "delete for good the tenant"),
    "impersonation.begin": Words("began to look through", "look through"),
    "impersonation.end": Words("ended looking through", "end looking through"),
    "member.add": Words("added the member", "add the member"),
    "member.invite": Words("invited", "invite somebody"),
    "member.role": Words("changed the role of", "change what a member may do"),
    "member.grant": Words("changed what was granted on single applications to", "grant an application"),
    "member.remove": Words("removed the member", "remove a member"),
    "member.leave": Words("left", "leave the tenant"),
    "invitation.accept": Words("accepted the invitation to", "accept an invitation"),
    "invitation.resend": Words("renewed the invitation of", "renew an invitation"),
    "invitation.revoke": Words("withdrew the invitation of", "withdraw an invitation"),
    "invitation.expire": Words("ended, since its time was up, the invitation of", "end an invitation"),
    "node.capacity": Words("changed the capacity of", "change the capacity of"),
    "token.create": Words("made the API token", "make an API token"),
    "token.revoke": Words("revoked the API token", "revoke an API token"),
    "token.use": Words("used the API token", "use the API token"),
    "node.check": Words("asked to check the engine", "check the engine"),
    "application.create": Words("created the application", "create an application"),
    "application.deploy": Words("asked to deploy", "deploy"),
    "application.stop": Words("asked to stop", "stop"),
    "application.start": Words("asked to start", "start"),
    "application.restart": Words("asked to restart", "restart"),
    "application.kill": Words("asked to kill", "kill"),
    "application.delete": Words("asked to delete the application", "delete the application"),
    "application.suspend": Words("suspended", "suspend"),
    "application.resume": Words("resumed", "resume"),
    "application.variables": Words("changed the variables of", "change the variables of"),
    "application.configure": Words("changed the settings of", "change the settings of"),
    "application.reveal-variables": Words("looked at the variables of", "look at the variables of"),
    "usage.export": Words("exported the usage of", "export the usage of"),
    "operation.cancel": Words("asked to cancel", "cancel"),
    "access.refused": Words("changed something", "change something"),
}
