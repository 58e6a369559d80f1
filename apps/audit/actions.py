"""The actions that the audit log knows, each in the words for a success and for a mere attempt.

To record an unregistered one is a bug.
"""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """`done`: "deployed"; `attempt`: "deploy", as in "was refused to deploy"."""

    done: str
    attempt: str


ACTIONS: Final[dict[str, Words]] = {
    "installation.set-up": Words("set up the installation", "set up the installation"),
    "session.sign-in": Words("signed in", "sign in"),
    "session.sign-out": Words("signed out", "sign out"),
    "account.sign-up": Words("made the account", "make an account"),
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
    "node.check": Words("checked the engine", "check the engine"),
    "application.create": Words("created the application", "create an application"),
    "application.deploy": Words("deployed", "deploy"),
    "application.stop": Words("stopped", "stop"),
    "application.start": Words("started", "start"),
    "application.restart": Words("restarted", "restart"),
    "application.kill": Words("killed", "kill"),
    "application.delete": Words("deleted the application", "delete the application"),
    "application.suspend": Words("suspended", "suspend"),
    "application.resume": Words("resumed", "resume"),
    "application.variables": Words("changed the variables of", "change the variables of"),
    "application.configure": Words("changed the settings of", "change the settings of"),
    "application.reveal-variables": Words("looked at the variables of", "look at the variables of"),
    "usage.export": Words("exported the usage of", "export the usage of"),
    "operation.cancel": Words("asked to cancel", "cancel"),
    "access.refused": Words("changed something", "change something"),
}
