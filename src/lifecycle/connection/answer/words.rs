//! The sentences of an answer, in every language. Nothing is decided here: which of them is said, and to
//! whom, is the answer's. Times are in UTC, because whoever reads them may be anywhere.

use fencepost_checks::Code;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::state::Gate;
use crate::words::{Language, moment};

/// Why the answer is what it is.
pub(super) enum Reason {
    Released,
    Withdrawn,
    EarlyWithHazard,
    Early,
    /// The desk's own words, and what happens to mail.
    Suspended(Option<(String, Mail)>),
    NotRegistered,
    NotYet {
        gate: Gate,
        checking: bool,
    },
    Permitted {
        hosted: bool,
    },
    Hazard,
    MxUnreadable,
    Reconfigured,
    Renewing,
    ImportVerified,
    Confirming,
    /// What a name server was seen to give, in the words of the checks.
    NotEverywhere {
        seen: Option<String>,
    },
    Flows,
    DeliveryFailing,
    FlowsBut {
        retired: Vec<String>,
        leaving: Vec<String>,
        blocked: Vec<String>,
    },
    Drifted {
        names: Vec<String>,
    },
    Ending,
    WithdrawnSetBack,
    MovedAway,
    MoveAway,
    NextUnclear,
    NextNotAsked,
    NextRefuses,
    Nonexistent {
        until: Option<Timestamp>,
    },
    DecidedLeft,
    CutOff {
        defer: Timestamp,
        reject: Timestamp,
    },
    Undecidable {
        since: Timestamp,
    },
}

/// What happens to mail during a suspension.
pub(super) enum Mail {
    DeferredUntil(Timestamp),
    Delivered,
    Deferred,
}

/// What somebody has to do, or what is waited for.
pub(super) enum Task {
    SetPreviousMx,
    EndSuspension,
    SeeNewServerTakeMail,
    OfNewServer(Box<Self>),
    CheckNewServer,
    Register,
    Check,
    CheckAgain,
    /// What stands against a gate.
    Pass {
        gate: Gate,
        blocking: Vec<Code>,
    },
    RelayChange,
    PublishNewMx,
    MakeNameServersAnswer,
    AcceptOrRollBack,
    FirstLook,
    PublishEverywhere,
    WindowCloses(Timestamp),
    ResolverStale,
    ProvePath,
    LookOnceMore,
    TakeOut {
        names: Vec<String>,
        at_once: bool,
    },
    AllowToo(Vec<String>),
    SetOurMxAgain,
    RouteRemoved,
    RelayMove,
    PublishWithoutUs,
    ClearAnswerOfNext,
    AskNext,
    OpenNext,
    MoveAway,
    DecideLeft,
}

impl Reason {
    pub(super) fn in_words(&self, language: Language) -> String {
        match language {
            Language::En => self.english(),
            Language::Fi => self.finnish(),
        }
    }

    fn english(&self) -> String {
        let fixed = match self {
            Self::Released => "The service has ended and the route is removed.",
            Self::Withdrawn => "The order was withdrawn. Do not change the MX.",
            Self::EarlyWithHazard => {
                "The MX already names the gateway although a hazard is known: some senders would refuse to deliver."
            }
            Self::Early => {
                "The MX already names the gateway before the checks have passed; the gateway defers the mail and senders retry."
            }
            Self::Suspended(None) => "The connection is suspended.",
            Self::Suspended(Some((reason, mail))) => {
                let mail = match mail {
                    Mail::DeferredUntil(until) => format!("mail is deferred until {} and then delivered", utc(*until)),
                    Mail::Delivered => "mail that arrives is delivered".to_owned(),
                    Mail::Deferred => "mail that arrives is deferred, and senders retry".to_owned(),
                };
                let reason = reason.trim_end_matches('.');
                return format!("The service desk has suspended this connection ({reason}); {mail}.");
            }
            Self::NotRegistered => "The order has been received and is not registered yet.",
            Self::NotYet { gate, checking } => {
                let what = match gate {
                    Gate::Allowlist => "The gateway's addresses do not all reach the mail server yet.",
                    Gate::Probe => "The mail server has not accepted mail for the domain yet.",
                    Gate::Gateway | Gate::Lint => "The gateway does not accept mail for the domain yet.",
                };
                return if *checking { format!("{what} It is being checked.") } else { what.to_owned() };
            }
            Self::Permitted { hosted: true } => {
                "The mail server and the gateway accept mail for the domain, and nothing stands against the change."
            }
            Self::Permitted { hosted: false } => {
                "Every gateway address reaches the mail server, the gateway accepts the domain, and nothing stands against the change."
            }
            Self::Hazard => "The change would lose mail: a hazard has to be removed first.",
            Self::MxUnreadable => "The domain's present MX cannot be read, so nothing can be said about changing it.",
            Self::Reconfigured => "The gateway was configured anew; every check is being made again.",
            Self::Renewing => "The evidence for the change is being renewed.",
            Self::ImportVerified => "It was connected before it was known here; it is being verified. Change nothing.",
            Self::Confirming => "The new MX has been seen; it has to stay for the whole confirmation window.",
            Self::NotEverywhere { seen } => {
                let seen = seen.as_deref().unwrap_or("not every name server shows the new MX");
                return format!("The new MX is not published everywhere: {}", sentence(seen));
            }
            Self::Flows => "Mail flows through the gateway; the MX is watched.",
            Self::DeliveryFailing => {
                "The MX is as it should be, but the mail server does not take the mail at the moment."
            }
            Self::FlowsBut { retired, leaving, blocked } => {
                let mut text = "Mail flows through the gateway".to_owned();
                if !retired.is_empty() {
                    let names = retired.join(", ");
                    text.push_str(&format!(", but the MX still names {names}, where nobody takes mail any more"));
                }
                if !leaving.is_empty() {
                    let names = leaving.join(", ");
                    text.push_str(&format!(", but the MX still names {names}, which is going to be retired"));
                }
                if !blocked.is_empty() {
                    let addresses = blocked.join(", ");
                    text.push_str(&format!(
                        ", but the firewall does not let in {addresses} yet, from where it is going to come too"
                    ));
                }
                return text + ".";
            }
            Self::Drifted { names } => {
                let shown = if names.is_empty() { String::new() } else { format!(" It names {}.", names.join(", ")) };
                return format!("The MX is no longer as it was accepted.{shown}");
            }
            Self::Ending => "The service is ending.",
            Self::WithdrawnSetBack => "The order is withdrawn. Do not change the MX; if it was changed, set it back.",
            Self::MovedAway => "The MX has moved away; the route stays until every sender has noticed.",
            Self::MoveAway => "The service is ending and the next destination accepts mail: move the MX away now.",
            Self::NextUnclear => {
                "The service is ending. Whether the next destination accepts mail from outside could not be told: it gave no clear \
                 answer, and is asked again."
            }
            Self::NextNotAsked => {
                "The service is ending. Whether the next destination accepts mail from outside has not been asked yet."
            }
            Self::NextRefuses => {
                "The service is ending, but the next destination does not accept mail from outside yet."
            }
            Self::Nonexistent { until } => {
                let until = until.map(utc).unwrap_or_default();
                return format!(
                    "The domain does not exist any more; the route is kept until {until}, should it come back."
                );
            }
            Self::DecidedLeft => {
                "The service desk decided that the domain has left, because its name servers are silent."
            }
            Self::CutOff { defer, reject } => {
                return format!(
                    "The service has ended and the MX still names the gateway: mail is deferred from {} and refused from {}.",
                    utc(*defer),
                    utc(*reject)
                );
            }
            Self::Undecidable { since } => {
                return format!(
                    "Nobody can say whether the MX has left: the name servers have been silent since {}.",
                    utc(*since)
                );
            }
        };
        fixed.to_owned()
    }

    fn finnish(&self) -> String {
        let fixed = match self {
            Self::Released => "Palvelu on päättynyt ja reitti on poistettu.",
            Self::Withdrawn => "Tilaus on peruttu. Älä muuta MX-tietueita.",
            Self::EarlyWithHazard => {
                "MX-tietueet osoittavat jo suodatuspalveluun, vaikka este on tiedossa: osa lähettäjistä kieltäytyisi toimittamasta postia."
            }
            Self::Early => {
                "MX-tietueet osoittavat suodatuspalveluun ennen kuin tarkistukset ovat valmiit; suodatuspalvelu pyytää lähettäjiä yrittämään uudelleen."
            }
            Self::Suspended(None) => "Palvelu on keskeytetty.",
            Self::Suspended(Some((reason, mail))) => {
                let mail = match mail {
                    Mail::DeferredUntil(until) => {
                        format!(
                            "lähettäjiä pyydetään yrittämään uudelleen {} asti, ja sen jälkeen posti toimitetaan",
                            klo(*until)
                        )
                    }
                    Mail::Delivered => "saapuva posti toimitetaan".to_owned(),
                    Mail::Deferred => "lähettäjiä pyydetään yrittämään uudelleen".to_owned(),
                };
                let reason = reason.trim_end_matches('.');
                return format!("Asiakaspalvelu on keskeyttänyt palvelun (syy: {reason}); {mail}.");
            }
            Self::NotRegistered => "Tilaus on vastaanotettu, mutta sitä ei ole vielä rekisteröity.",
            Self::NotYet { gate, checking } => {
                let what = match gate {
                    Gate::Allowlist => "Kaikista suodatuspalvelun osoitteista ei vielä pääse sähköpostipalvelimelle.",
                    Gate::Probe => "Sähköpostipalvelin ei ole vielä ottanut vastaan verkkotunnuksen postia.",
                    Gate::Gateway | Gate::Lint => "Suodatuspalvelu ei vielä ota vastaan verkkotunnuksen postia.",
                };
                return if *checking { format!("{what} Tarkistus on käynnissä.") } else { what.to_owned() };
            }
            Self::Permitted { hosted: true } => {
                "Sähköpostipalvelin ja suodatuspalvelu ottavat vastaan verkkotunnuksen postia, eikä mikään estä muutosta."
            }
            Self::Permitted { hosted: false } => {
                "Kaikista suodatuspalvelun osoitteista pääsee sähköpostipalvelimelle, suodatuspalvelu hyväksyy verkkotunnuksen, eikä mikään estä muutosta."
            }
            Self::Hazard => "Muutos kadottaisi postia: este on ensin poistettava.",
            Self::MxUnreadable => {
                "Verkkotunnuksen nykyisiä MX-tietueita ei voi lukea, joten niiden muuttamisesta ei voi sanoa mitään."
            }
            Self::Reconfigured => "Suodatuspalvelun asetukset ovat muuttuneet; kaikki tarkistukset tehdään uudelleen.",
            Self::Renewing => "Muutoksen edellytyksiä tarkistetaan uudelleen.",
            Self::ImportVerified => {
                "Verkkotunnus oli yhdistetty jo ennen kuin se tuotiin tänne; sitä tarkistetaan. Älä muuta mitään."
            }
            Self::Confirming => "Uudet MX-tietueet on nähty; niiden pitää säilyä koko vahvistusajan.",
            Self::NotEverywhere { seen: None } => {
                "Uusia MX-tietueita ei ole julkaistu kaikkialla: kaikki nimipalvelimet eivät näytä niitä."
            }
            Self::NotEverywhere { seen: Some(seen) } => {
                return format!("Uusia MX-tietueita ei ole julkaistu kaikkialla. Havainto englanniksi: \"{seen}\".");
            }
            Self::Flows => "Posti kulkee suodatuspalvelun kautta; MX-tietueita seurataan.",
            Self::DeliveryFailing => {
                "MX-tietueet ovat oikein, mutta sähköpostipalvelin ei tällä hetkellä ota postia vastaan."
            }
            Self::FlowsBut { retired, leaving, blocked } => {
                let mut text = "Posti kulkee suodatuspalvelun kautta".to_owned();
                if !retired.is_empty() {
                    let names = retired.join(", ");
                    text.push_str(&format!(", mutta MX-tietueissa on yhä {names}, joka ei enää ota postia vastaan"));
                }
                if !leaving.is_empty() {
                    let names = leaving.join(", ");
                    text.push_str(&format!(", mutta MX-tietueissa on yhä {names}, joka poistetaan käytöstä"));
                }
                if !blocked.is_empty() {
                    let addresses = blocked.join(", ");
                    text.push_str(&format!(
                        ", mutta palomuuri ei vielä päästä läpi osoitteita {addresses}, joista postia tulee myöhemmin"
                    ));
                }
                return text + ".";
            }
            Self::Drifted { names } => {
                let shown =
                    if names.is_empty() { String::new() } else { format!(" Niissä on nyt {}.", names.join(", ")) };
                return format!("MX-tietueet eivät enää ole sellaiset kuin ne hyväksyttiin.{shown}");
            }
            Self::Ending => "Palvelu on päättymässä.",
            Self::WithdrawnSetBack => "Tilaus on peruttu. Älä muuta MX-tietueita; jos ne on jo muutettu, palauta ne.",
            Self::MovedAway => {
                "MX-tietueet on siirretty pois; reitti säilyy, kunnes kaikki lähettäjät ovat huomanneet sen."
            }
            Self::MoveAway => "Palvelu on päättymässä ja seuraava kohde ottaa postia vastaan: muuta MX-tietueet nyt.",
            Self::NextUnclear => {
                "Palvelu on päättymässä. Ei ole selvää, ottaako seuraava kohde postia vastaan ulkopuolelta: vastaus oli epäselvä, ja kysymme uudelleen."
            }
            Self::NextNotAsked => {
                "Palvelu on päättymässä. Ei ole vielä tarkistettu, ottaako seuraava kohde postia vastaan ulkopuolelta."
            }
            Self::NextRefuses => {
                "Palvelu on päättymässä, mutta seuraava kohde ei vielä ota postia vastaan ulkopuolelta."
            }
            Self::Nonexistent { until } => {
                let kept = until.map(|until| format!(" {} asti", klo(until))).unwrap_or_default();
                return format!("Verkkotunnusta ei enää ole; reitti säilytetään{kept} siltä varalta, että se palaa.");
            }
            Self::DecidedLeft => {
                "Asiakaspalvelu on päättänyt, että verkkotunnus on siirtynyt pois, koska sen nimipalvelimet eivät vastaa."
            }
            Self::CutOff { defer, reject } => {
                return format!(
                    "Palvelu on päättynyt, mutta MX-tietueet osoittavat yhä suodatuspalveluun: lähettäjiä pyydetään yrittämään myöhemmin {} alkaen, ja posti hylätään {} alkaen.",
                    klo(*defer),
                    klo(*reject)
                );
            }
            Self::Undecidable { since } => {
                return format!(
                    "Kukaan ei tiedä, onko MX siirretty pois: nimipalvelimet eivät ole vastanneet {} jälkeen.",
                    klo(*since)
                );
            }
        };
        fixed.to_owned()
    }
}

impl Task {
    pub(super) fn in_words(&self, language: Language) -> String {
        let text = match self {
            Self::SetPreviousMx => language.say("set the previous MX again", "palauta aiemmat MX-tietueet"),
            Self::EndSuspension => language.say("end the suspension", "päätä keskeytys"),
            Self::SeeNewServerTakeMail => language.say(
                "see mail taken on the way to the new server; the old one stays ready",
                "varmista, että posti menee perille uudelle palvelimelle; vanha pysyy valmiina",
            ),
            Self::OfNewServer(task) => {
                return format!("{}: {}", language.say("new server", "uusi palvelin"), task.in_words(language));
            }
            Self::CheckNewServer => language.say("check the new server", "tarkista uusi palvelin"),
            Self::Register => language.say("register the customer", "rekisteröi asiakas"),
            Self::Check => language.say("check", "tarkista"),
            Self::CheckAgain => language.say("check again", "tarkista uudelleen"),
            Self::Pass { gate, blocking } => {
                let what = pass(*gate, language);
                let codes: Vec<&str> = blocking.iter().map(|code| code.as_str()).collect();
                return if codes.is_empty() { what.to_owned() } else { format!("{what} ({})", codes.join(", ")) };
            }
            Self::RelayChange => language.say("relay the MX change", "välitä MX-muutos"),
            Self::PublishNewMx => language.say("publish the new MX", "julkaise uudet MX-tietueet"),
            Self::MakeNameServersAnswer => {
                language.say("make the name servers answer", "korjaa nimipalvelimet niin, että ne vastaavat")
            }
            Self::AcceptOrRollBack => language.say(
                "accept the MX as it is or have it rolled back",
                "hyväksy MX-tietueet sellaisinaan tai pyydä palauttamaan ne",
            ),
            Self::FirstLook => {
                language.say("look at the MX for the first time", "tarkista MX-tietueet ensimmäisen kerran")
            }
            Self::PublishEverywhere => language
                .say("publish the new MX on every name server", "julkaise uudet MX-tietueet kaikilla nimipalvelimilla"),
            Self::WindowCloses(at) => {
                return match language {
                    Language::En => format!("the window closes at {}", utc(*at)),
                    Language::Fi => format!("vahvistusaika päättyy {}", klo(*at)),
                };
            }
            Self::ResolverStale => language
                .say("a public resolver still gives the old MX", "julkinen resolveri antaa vielä vanhat MX-tietueet"),
            Self::ProvePath => language.say("prove the path again", "testaa reitti uudelleen"),
            Self::LookOnceMore => language.say("look once more", "tarkista vielä kerran"),
            Self::TakeOut { names, at_once } => {
                let names = names.join(", ");
                return match (language, at_once) {
                    (Language::En, true) => format!("take {names} out of the MX at once"),
                    (Language::En, false) => format!("take {names} out of the MX"),
                    (Language::Fi, true) => format!("poista {names} MX-tietueista heti"),
                    (Language::Fi, false) => format!("poista {names} MX-tietueista"),
                };
            }
            Self::AllowToo(addresses) => {
                let addresses = addresses.join(", ");
                return match language {
                    Language::En => format!("let {addresses} through the firewall too"),
                    Language::Fi => format!("salli palomuurissa myös {addresses}"),
                };
            }
            Self::SetOurMxAgain => {
                language.say("set the gateway's MX records again", "palauta suodatuspalvelun MX-tietueet")
            }
            Self::RouteRemoved => language.say("the route is removed", "reitti poistetaan"),
            Self::RelayMove => language.say("relay the move of the MX", "välitä MX-tietueiden siirto"),
            Self::PublishWithoutUs => {
                language.say("publish the MX without the gateway", "julkaise MX-tietueet ilman suodatuspalvelua")
            }
            Self::ClearAnswerOfNext => {
                language.say("a clear answer of the next mail server", "seuraavan sähköpostipalvelimen selvä vastaus")
            }
            Self::AskNext => language.say("ask the next mail server", "testaa seuraava sähköpostipalvelin"),
            Self::OpenNext => {
                language.say("open the next mail server to everybody", "avaa seuraava sähköpostipalvelin kaikille")
            }
            Self::MoveAway => language.say("move the MX away", "siirrä MX-tietueet pois"),
            Self::DecideLeft => {
                language.say("decide whether the domain has left", "päätä, onko verkkotunnus siirtynyt pois")
            }
        };
        text.to_owned()
    }
}

const fn pass(gate: Gate, language: Language) -> &'static str {
    match gate {
        Gate::Allowlist => language.say(
            "let every gateway address through the firewall",
            "salli suodatuspalvelun kaikki osoitteet palomuurissa",
        ),
        Gate::Probe => language.say(
            "make the mail server accept mail for the domain",
            "aseta sähköpostipalvelin ottamaan vastaan verkkotunnuksen posti",
        ),
        Gate::Gateway => language.say(
            "make the gateway accept mail for the domain",
            "aseta suodatuspalvelu ottamaan vastaan verkkotunnuksen posti",
        ),
        Gate::Lint => language.say("remove the hazard", "poista este"),
    }
}

/// As a minute of UTC.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// As a minute of UTC, as Finnish writes it.
fn klo(at: Timestamp) -> String {
    moment(Language::Fi, at, &TimeZone::UTC)
}

/// Ends a fragment as a sentence.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}
