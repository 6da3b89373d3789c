//! Who may do what.
//!
//! Every decision is one call of [`can`]. Handlers do not call it: they take [`Allowed`] as their first argument, and a route whose
//! handler does not is refused by the compiler ([`permitted!`] and [`Stated`]). Extraction goes in an order that tells strangers
//! nothing: no session is 401, an app of another org is 404, the wrong role is 403, and only then sudo mode is asked for.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::handler::Handler;
use http::request::Parts;
use peal_core::{AppId, Environment, ErrorCode};
use peal_store::{Actor, AppInfo, Role, Session};

use crate::client::Client;
use crate::problem::Problem;
use crate::state::ApiState;

macro_rules! actions {
    ($($name:ident: $grant:ty;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action { $($name,)* }

        impl Action {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Action] = &[$(Action::$name,)*];
        }

        $(
            pub(crate) struct $name;

            impl Permission for $name {
                const ACTION: Action = Action::$name;
                type Grant = $grant;
            }
        )*
    };
}

actions! {
    SignUp: Anyone;
    SignIn: Anyone;
    SignOut: Anyone;
    Describe: Anyone;
    SessionRead: Member;
    SessionSudo: Member;
    PasswordChange: Member;
    SessionList: Member;
    SessionEnd: Member;
    OrgUpdate: Member;
    AuditList: Member;
    AppList: Member;
    AppCreate: Member;
    AppRead: MemberOfApp;
    AppUpdate: MemberOfApp;
    AppDelete: MemberOfApp;
    LimitsRead: MemberOfApp;
    KeyList: MemberOfApp;
    KeyTest: MemberOfApp;
    KeyCreate: MemberOfApp;
    KeyUpdate: MemberOfApp;
    KeyReveal: MemberOfApp;
    KeyRotate: MemberOfApp;
    KeyRevoke: MemberOfApp;
    RulesRead: MemberOfApp;
    RulesTest: MemberOfApp;
    RulesUpdate: MemberOfApp;
    ConsoleToken: MemberOfApp;
    UsageRead: MemberOfApp;
    QuotaRead: Member;
}

impl Action {
    /// Dangerous enough to ask for the password again.
    fn needs_sudo(self) -> bool {
        matches!(self, Action::AppDelete | Action::KeyReveal | Action::KeyRotate | Action::KeyRevoke)
    }
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The org as a whole, or the member's own session.
    Org,
    App(Environment),
}

/// The role matrix. Developers manage what is in development and debug everywhere; billing and viewers look.
pub(crate) fn can(role: Role, action: Action, resource: Resource) -> bool {
    match action {
        Action::SignUp | Action::SignIn | Action::SignOut | Action::Describe | Action::SessionRead | Action::SessionSudo => true,
        Action::PasswordChange | Action::SessionList | Action::SessionEnd => true,
        Action::AppList | Action::AppRead | Action::LimitsRead | Action::UsageRead | Action::QuotaRead => true,
        Action::OrgUpdate | Action::AuditList | Action::AppDelete => matches!(role, Role::Owner | Role::Admin),
        Action::KeyList | Action::KeyTest | Action::RulesRead | Action::RulesTest => role != Role::Billing,
        Action::ConsoleToken => matches!(role, Role::Owner | Role::Admin | Role::Developer),
        Action::AppCreate
        | Action::AppUpdate
        | Action::KeyCreate
        | Action::KeyUpdate
        | Action::KeyReveal
        | Action::KeyRotate
        | Action::KeyRevoke
        | Action::RulesUpdate => match role {
            Role::Owner | Role::Admin => true,
            Role::Developer => resource != Resource::App(Environment::Production),
            Role::Billing | Role::Viewer => false,
        },
    }
}

pub(crate) trait Permission: 'static {
    const ACTION: Action;
    type Grant: Grant;
}

/// What a handler holds once it may run.
pub(crate) trait Grant: Sized + Send {
    fn obtain(parts: &mut Parts, state: &ApiState, action: Action) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// Proof that the request may do `P`, and whom it speaks for.
pub(crate) struct Allowed<P: Permission>(pub(crate) P::Grant);

impl<P: Permission> FromRequestParts<ApiState> for Allowed<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        P::Grant::obtain(parts, state, P::ACTION).await.map(Allowed)
    }
}

/// No session needed.
pub(crate) struct Anyone {
    pub(crate) client: Client,
}

impl Grant for Anyone {
    async fn obtain(parts: &mut Parts, state: &ApiState, _action: Action) -> Result<Self, Problem> {
        Ok(Anyone { client: Client::of(parts, &state.trusted_proxies) })
    }
}

/// A signed-in member of an org.
pub(crate) struct Member {
    pub(crate) session: Session,
    pub(crate) client: Client,
}

impl Member {
    /// For the audit log.
    pub(crate) fn actor(&self) -> Actor {
        Actor::user(self.session.user.id, self.client.ip, &self.client.request_id).in_session(self.session.id)
    }

    async fn authenticate(parts: &Parts, state: &ApiState) -> Result<Self, Problem> {
        let token = state.cookie.read(&parts.headers).ok_or(ErrorCode::SignInRequired)?;
        let session = state.store.session_resolve(&token).await?.ok_or(ErrorCode::SignInRequired)?;
        Ok(Member { session, client: Client::of(parts, &state.trusted_proxies) })
    }

    /// Handlers need it only where the resource is in the body: an app that is to be made.
    pub(crate) fn authorise(&self, action: Action, resource: Resource) -> Result<(), Problem> {
        if !can(self.session.role, action, resource) {
            return Err(ErrorCode::RoleNotAllowed.into());
        }
        if action.needs_sudo() && !self.session.is_sudo() {
            return Err(ErrorCode::SudoRequired.into());
        }
        Ok(())
    }
}

impl Grant for Member {
    async fn obtain(parts: &mut Parts, state: &ApiState, action: Action) -> Result<Self, Problem> {
        let member = Member::authenticate(parts, state).await?;
        member.authorise(action, Resource::Org)?;
        Ok(member)
    }
}

/// A member, and the app of their org that the path names as `{app}`.
pub(crate) struct MemberOfApp {
    pub(crate) member: Member,
    pub(crate) app: AppInfo,
}

impl Grant for MemberOfApp {
    async fn obtain(parts: &mut Parts, state: &ApiState, action: Action) -> Result<Self, Problem> {
        let member = Member::authenticate(parts, state).await?;
        let app = state.store.app_get(member.session.org.id, app_in_path(parts, state).await?).await?;
        member.authorise(action, Resource::App(app.environment))?;
        Ok(MemberOfApp { member, app })
    }
}

/// What is no app id at all is not found either.
async fn app_in_path(parts: &mut Parts, state: &ApiState) -> Result<AppId, Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| ErrorCode::NotFound)?;
    let text = params.iter().find_map(|(name, value)| (name == "app").then_some(value)).unwrap_or_default();
    text.parse().map_err(|_| ErrorCode::NotFound.into())
}

/// Argument lists that begin with [`Allowed`].
pub(crate) trait Stated {}
impl<M, P: Permission> Stated for (M, Allowed<P>) {}
impl<M, P: Permission, A> Stated for (M, Allowed<P>, A) {}
impl<M, P: Permission, A, B> Stated for (M, Allowed<P>, A, B) {}
impl<M, P: Permission, A, B, C> Stated for (M, Allowed<P>, A, B, C) {}

/// Compiles only for a handler that states its permission.
pub(crate) fn must_state_permission<H, T>(_handler: H)
where
    H: Handler<T, ApiState>,
    T: Stated,
{
}

/// The one way to register handlers: as `utoipa_axum::routes!`, for handlers that state their permission.
macro_rules! permitted {
    ($($handler:path),+ $(,)?) => {{
        $($crate::permission::must_state_permission($handler);)+
        utoipa_axum::routes!($($handler),+)
    }};
}
pub(crate) use permitted;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every role against every action, in development and production, as a table that a reader can check.
    #[test]
    fn the_role_matrix_is_the_published_one() {
        let mut table = String::new();
        for action in Action::ALL {
            let cells: Vec<String> = Role::ALL
                .iter()
                .map(|role| {
                    let cell = [Environment::Development, Environment::Production].map(|env| can(*role, *action, Resource::App(env)));
                    match cell {
                        [true, true] => "yes",
                        [true, false] => "dev",
                        [false, false] => "-",
                        [false, true] => "prod",
                    }
                    .to_owned()
                })
                .collect();
            table += &format!("{action:?} {}{}\n", cells.join(" "), if action.needs_sudo() { " sudo" } else { "" });
        }
        // owner admin developer billing viewer
        let published = "\
SignUp yes yes yes yes yes
SignIn yes yes yes yes yes
SignOut yes yes yes yes yes
Describe yes yes yes yes yes
SessionRead yes yes yes yes yes
SessionSudo yes yes yes yes yes
PasswordChange yes yes yes yes yes
SessionList yes yes yes yes yes
SessionEnd yes yes yes yes yes
OrgUpdate yes yes - - -
AuditList yes yes - - -
AppList yes yes yes yes yes
AppCreate yes yes dev - -
AppRead yes yes yes yes yes
AppUpdate yes yes dev - -
AppDelete yes yes - - - sudo
LimitsRead yes yes yes yes yes
KeyList yes yes yes - yes
KeyTest yes yes yes - yes
KeyCreate yes yes dev - -
KeyUpdate yes yes dev - -
KeyReveal yes yes dev - - sudo
KeyRotate yes yes dev - - sudo
KeyRevoke yes yes dev - - sudo
RulesRead yes yes yes - yes
RulesTest yes yes yes - yes
RulesUpdate yes yes dev - -
ConsoleToken yes yes yes - -
UsageRead yes yes yes yes yes
QuotaRead yes yes yes yes yes
";
        assert_eq!(table, published);
    }
}
