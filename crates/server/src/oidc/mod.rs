//! How does somebody sign in whom another server knows (OpenID Connect Core, authorization code with PKCE)?
//!
//! # Start here
//! `Oidc::begin` sends a browser to the `provider`, `Oidc::finish` takes what it brings back: `begun` says whether it
//! is the answer to a question of ours in this browser, `jwt` whether the provider signed it, `claims` whether it is
//! good for us and now, `roles` what the person may.

mod begun;
mod claims;
mod jwt;
mod places;
mod provider;
mod roles;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tripoint_fetch::Fetcher;
use tripoint_model::Timestamp;

use begun::{Answered, Begun, HOLDS};
use claims::Expected;
use places::Places;
use provider::{Provider, escaped, form};
pub use roles::RoleRule;

use crate::auth::seal::Sealer;

/// A provider that people may sign in with.
#[derive(Clone, Debug)]
pub struct OidcOptions {
    /// What the sign-in page calls it.
    pub name: String,
    /// As the provider writes it, exactly.
    pub issuer: String,
    /// How the provider calls us.
    pub client_id: String,
    /// What proves that; empty for none (PKCE alone).
    pub secret: String,
    /// Where browsers come back to; empty: below the server's own URL.
    pub redirect: String,
    /// Asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that lists a person's groups.
    pub groups_claim: String,
    /// What members of a group may; the first that fits.
    pub roles: Vec<RoleRule>,
    /// Whether the provider may be at a private address.
    pub private: bool,
    /// Asks the provider.
    pub fetcher: Arc<Fetcher>,
}

/// Why nobody signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    /// The answer is not one to a question of ours: anybody can send such.
    #[error("{0}")]
    NotOurs(String),
    /// Who answers a question of ours is not believed.
    #[error("{0}")]
    Refused(String),
    /// The provider cannot be asked.
    #[error("the provider cannot be asked: {0}")]
    Provider(String),
    /// Too many at once.
    #[error("too many sign in at this moment")]
    Busy,
}

/// What a browser brought back.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Brought {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Somebody whom the provider knows.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// What it would like to be called.
    pub(crate) name: String,
    /// What it may, if anything.
    pub(crate) may: Option<RoleRule>,
    /// The session that it proves again, and whose that is.
    pub(crate) confirms: Option<(String, String)>,
    /// The page to go to.
    pub(crate) then: String,
}

/// Signs people in, where there is a provider and an address that browsers come back to.
pub(crate) fn of(options: Option<OidcOptions>, url: Option<&str>, sealer: &Arc<Sealer>) -> Option<Arc<Oidc>> {
    let (mut options, url) = options.zip(url)?;
    if options.redirect.is_empty() {
        options.redirect = format!("{url}{}", tripoint_api::path::OIDC_CALLBACK);
    }
    Some(Arc::new(Oidc::new(options, Arc::clone(sealer))))
}

/// Signs people in.
pub(crate) struct Oidc {
    options: OidcOptions,
    provider: Arc<Provider>,
    answered: Answered,
    sealer: Arc<Sealer>,
    places: Places,
}

impl Oidc {
    pub(crate) fn new(options: OidcOptions, sealer: Arc<Sealer>) -> Self {
        let provider = Arc::new(Provider::new(options.clone()));
        Self { options, provider, answered: Answered::default(), sealer, places: Places::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.options.name
    }

    /// Where to send a browser, and the cookie that it is known by when it comes back.
    pub(crate) async fn begin(
        &self,
        (confirms, then): (Option<(String, String)>, String),
        source: IpAddr,
        now: Timestamp,
    ) -> Result<(String, String), OidcError> {
        let discovery = self.ask(source, |provider| provider.discovery()).await?;
        let is_again = confirms.is_some();
        let begun = Begun::new(confirms, then, now).map_err(|error| OidcError::Refused(error.to_string()))?;
        let scope = std::iter::once("openid").chain(self.options.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let challenge = begun.challenge();
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.options.client_id),
            ("redirect_uri", &self.options.redirect),
            ("scope", &scope),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if is_again {
            pairs.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let at = &discovery.authorization_endpoint;
        let joint = if at.contains('?') { '&' } else { '?' };
        let sealed = begun.sealed(&self.sealer).map_err(|error| OidcError::Refused(error.to_string()))?;
        Ok((format!("{at}{joint}{}", form(&pairs)), sealed))
    }

    /// Who came back, with the cookie that was set at the beginning.
    pub(crate) async fn finish(
        &self,
        brought: Brought,
        cookie: Option<&str>,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<Person, OidcError> {
        let refused = |why: &str| OidcError::Refused(why.to_owned());
        let not_ours = |why: &str| OidcError::NotOurs(why.to_owned());
        let begun = cookie.and_then(|sealed| Begun::open(&self.sealer, sealed, now));
        let begun = begun.ok_or_else(|| not_ours("this browser has begun no sign-in, or too long ago"))?;
        // Hashes are compared: how much of the two is the same shows in no time.
        let is_ours = |state: &String| crate::auth::secret::hash(state) == crate::auth::secret::hash(&begun.state);
        if !brought.state.as_ref().is_some_and(is_ours) {
            return Err(not_ours("this is not the answer to the sign-in of this browser"));
        }
        let taken = self.answered.take(&begun, now);
        let taken = taken.ok_or_else(|| not_ours("this sign-in was answered already"))?;
        let discovery = self.ask(source, |provider| provider.discovery()).await?;
        let is_told = brought.iss.is_some() || discovery.authorization_response_iss_parameter_supported;
        if is_told && brought.iss.as_ref() != Some(&self.options.issuer) {
            return Err(refused("another provider answers"));
        }
        if let Some(error) = brought.error {
            let error: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            return Err(OidcError::Refused(format!("the provider said no: {error}")));
        }
        let code = brought.code.filter(|code| !code.is_empty() && code.len() <= CODE_MAX);
        let code = code.ok_or_else(|| refused("the provider sent no code"))?;
        let verifier = begun.verifier.clone();
        let body = self.ask(source, move |provider| identity(provider, &discovery, &code, &verifier)).await?;
        taken.kept();
        self.person(&body, begun, now)
    }

    /// What was signed, judged.
    fn person(&self, body: &[u8], begun: Begun, now: Timestamp) -> Result<Person, OidcError> {
        let refused = |why: &str| OidcError::Refused(format!("the provider's token is not taken: {why}"));
        let claims = claims::read(body).map_err(refused)?;
        let expected = Expected {
            issuer: &self.options.issuer,
            client_id: &self.options.client_id,
            nonce: &begun.nonce,
            proven_since: begun.confirms.is_some().then(|| begun.at()),
        };
        claims.check(&expected, now).map_err(refused)?;
        let groups = claims::groups(body, &self.options.groups_claim);
        let name = claims.preferred_username.or(claims.email).unwrap_or_default();
        Ok(Person {
            issuer: self.options.issuer.clone(),
            subject: claims.sub,
            name: roles::name_of(&name),
            may: roles::of(&self.options.roles, &groups),
            confirms: begun.confirms,
            then: begun.then,
        })
    }

    /// Asks the provider where waiting holds nobody up.
    async fn ask<T: Send + 'static>(
        &self,
        source: IpAddr,
        question: impl FnOnce(&Provider) -> Result<T, OidcError> + Send + 'static,
    ) -> Result<T, OidcError> {
        let _place = self.places.take(source).await.ok_or(OidcError::Busy)?;
        let provider = Arc::clone(&self.provider);
        let asked = tokio::task::spawn_blocking(move || question(&provider)).await;
        asked.unwrap_or_else(|_| Err(OidcError::Provider("the question failed".to_owned())))
    }
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.options.issuer).finish_non_exhaustive()
    }
}

/// Redeems a code; what the provider signed.
fn identity(
    provider: &Provider,
    discovery: &provider::Discovery,
    code: &str,
    verifier: &str,
) -> Result<Vec<u8>, OidcError> {
    let token = provider.redeem(discovery, code, verifier)?;
    let wanted = jwt::key_named(&token);
    let keys = provider.keys(discovery, wanted.as_deref())?;
    jwt::opened(&token, &keys)
        .map_err(|error| OidcError::Refused(format!("the provider's token is not taken: {error}")))
}

/// How a client proves who it is (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{}:{}", escaped(client_id), escaped(secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// For so long a sign-in may take.
pub(crate) const SIGN_IN_HOLDS: Duration = HOLDS;
const CODE_MAX: usize = 4096;
