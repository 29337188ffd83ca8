//! A realistic letter, to look at notices without a customer. For `fencepost notice preview` and
//! for tests; never sent.

use serde_json::Value;

use crate::engine::ports::Letter;
use crate::words::Language;

/// The sample, as a letter of this notice.
///
/// # Errors
/// When the built-in sample does not fit the type; a test sees to it that it does.
pub fn letter(notice: &str, language: Language) -> serde_json::Result<Letter> {
    let mut sample: Value = serde_json::from_str(include_str!("../../config/templates/notices/sample.json"))?;
    if language == Language::Fi {
        overlay(&mut sample, serde_json::from_str(include_str!("../../config/templates/notices/sample.fi.json"))?);
    }
    let mut letter: Letter = serde_json::from_value(sample)?;
    notice.clone_into(&mut letter.notice);
    letter.dedupe_key = format!("sample/{notice}");
    letter.language = language;
    if let (Some(status), Some(reason)) = (&mut letter.status, reason(notice, language)) {
        reason.clone_into(&mut status.reason);
    }
    Ok(letter)
}

/// Members of objects take the place of those of the same name; everything else is replaced whole.
fn overlay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                overlay(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// As the lifecycle would put it; `None` where the sample's own sentence fits.
fn reason(notice: &str, language: Language) -> Option<&'static str> {
    Some(match notice {
        "permission_withdrawn" => language.say(
            "The gateway's addresses do not all reach the mail server yet.",
            "Kaikista suodatuspalvelun osoitteista ei vielä pääse sähköpostipalvelimelle.",
        ),
        "early_cutover_alarm" => language.say(
            "The MX already names the gateway before the checks have passed; the gateway defers the mail and senders retry.",
            "MX-tietueet osoittavat suodatuspalveluun ennen kuin tarkistukset ovat valmiit; suodatuspalvelu pyytää lähettäjiä yrittämään uudelleen.",
        ),
        "overdue" => language.say(
            "The new MX is not published everywhere: ns2.bakery.example (192.0.2.53) gives 10 mail.bakery.example.",
            "Uusia MX-tietueita ei ole julkaistu kaikkialla. Havainto englanniksi: \"ns2.bakery.example (192.0.2.53) gives 10 mail.bakery.example\".",
        ),
        "drift" => language.say(
            "The MX is no longer as it was accepted. It names mail.bakery.example.",
            "MX-tietueet eivät enää ole sellaiset kuin ne hyväksyttiin. Niissä on nyt mail.bakery.example.",
        ),
        "delivery_failing" => language.say(
            "The MX is as it should be, but the mail server does not take the mail at the moment.",
            "MX-tietueet ovat oikein, mutta sähköpostipalvelin ei tällä hetkellä ota postia vastaan.",
        ),
        "stop" => language.say(
            "The order was withdrawn. Do not change the MX.",
            "Tilaus on peruttu. Älä muuta MX-tietueita.",
        ),
        "suspended" => language.say(
            "The service desk has suspended this connection (unpaid invoice); mail that arrives is delivered.",
            "Asiakaspalvelu on keskeyttänyt palvelun (syy: maksamaton lasku); saapuva posti toimitetaan.",
        ),
        "resumed" => language.say(
            "The evidence for the change is being renewed.",
            "Muutoksen edellytyksiä tarkistetaan uudelleen.",
        ),
        "release_undecidable" => language.say(
            "Nobody can say whether the MX has left: the name servers have been silent since 2026-11-09 10:00 UTC.",
            "Kukaan ei tiedä, onko MX siirretty pois: nimipalvelimet eivät ole vastanneet 9.11.2026 klo 10.00 UTC jälkeen.",
        ),
        "import_unconfirmed" => language.say(
            "It was connected before it was known here; it is being verified. Change nothing.",
            "Verkkotunnus oli yhdistetty jo ennen kuin se tuotiin tänne; sitä tarkistetaan. Älä muuta mitään.",
        ),
        "host_retiring" => language.say(
            "Mail flows through the gateway, but the MX still names mx0.gateway.example, which is going to be retired.",
            "Posti kulkee suodatuspalvelun kautta, mutta MX-tietueissa on yhä mx0.gateway.example, joka poistetaan käytöstä.",
        ),
        "host_retired" => language.say(
            "Mail flows through the gateway, but the MX still names mx0.gateway.example, where nobody takes mail any more.",
            "Posti kulkee suodatuspalvelun kautta, mutta MX-tietueissa on yhä mx0.gateway.example, joka ei enää ota postia vastaan.",
        ),
        _ => return None,
    })
}
