//! What every finding code means and what to do about it, in Finnish, for mails to people who read that.
//! Longer than other files because it is one table: the compiler refuses a code without its row.

use crate::Code;

/// A code in Finnish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinnishWords {
    /// What it means, in a sentence or two.
    pub about: &'static str,
    /// The pattern of the remedy; a finding itself gives the exact values, in English.
    pub remedy: &'static str,
}

const NOTHING: &str = "Sinun ei tarvitse tehdä mitään.";
const NOTHING_FOR_CHANGE: &str = "Muutosta varten ei tarvitse tehdä mitään.";

/// A code in Finnish.
#[must_use]
pub const fn in_finnish(code: Code) -> FinnishWords {
    let (about, remedy) = words(code);
    FinnishWords { about, remedy }
}

const fn words(code: Code) -> (&'static str, &'static str) {
    match code {
        // MX and name servers
        Code::MxOursOnly => ("MX-tietueissa on vain suodatuspalvelu.", NOTHING),
        Code::MxAsAccepted => (
            "MX-tietueissa on muitakin palvelimia, mutta asiakaspalvelu on hyväksynyt ne tälle verkkotunnukselle.",
            "Ei mitään, kun hyväksytyt tietueet ovat tarkoituksellisia. Muille palvelimille menevää postia ei suodateta.",
        ),
        Code::MxOursPlusForeign => (
            "MX-tietueissa on suodatuspalvelun lisäksi toinen palvelin. Roskapostittajat toimittavat postia sille ja ohittavat suodatuksen.",
            "Poista MX-tietueet, jotka eivät osoita suodatuspalveluun, niiden prioriteetista riippumatta.",
        ),
        Code::MxOursPartial => (
            "MX-tietueissa on vain osa suodatuspalvelun palvelimista. Posti kulkee, mutta ilman varareittiä.",
            "Lisää puuttuvat suodatuspalvelun MX-tietueet.",
        ),
        Code::MxForeignOnly => (
            "MX-tietueet eivät osoita suodatuspalveluun.",
            "Älä muuta MX-tietueita ennen lupaa; aseta sitten täsmälleen luvan mukana tulevat tietueet.",
        ),
        Code::MxNone => (
            "Verkkotunnuksella ei ole MX-tietuetta. Lähettäjät toimittavat silloin postin sen A- tai AAAA-osoitteeseen suodatuksen ohi (RFC 5321 §5.1).",
            "Odota lupaa ja aseta sitten suodatuspalvelun MX-tietueet.",
        ),
        Code::MxNoDomain => (
            "Verkkotunnusta ei ole DNS:ssä: sen rekisteröinti on päättynyt tai nimi on kirjoitettu väärin.",
            "Tarkista, onko verkkotunnuksen rekisteröinti päättynyt ja onko nimi kirjoitettu oikein.",
        ),
        Code::MxNull => (
            "Verkkotunnus ilmoittaa tyhjällä MX-tietueella, ettei se ota postia vastaan lainkaan (RFC 7505).",
            "Jos verkkotunnuksen pitää saada postia, korvaa tyhjä MX-tietue MX-muutoksen yhteydessä.",
        ),
        Code::MxInvalid => (
            "MX-tietue ei osoita käyttökelpoiseen palvelimeen: se on IP-osoite, alias, nimi jota ei löydy, tai virheellinen nimi.",
            "Kirjoita MX-tietueeseen palvelin, jolla on A- tai AAAA-tietue, koko nimellään ja loppupisteen kanssa; ei osoitetta eikä aliasta.",
        ),
        Code::MxOrder => (
            "Suodatuspalvelun MX-palvelinten prioriteetit ovat väärässä järjestyksessä: posti käyttää ensin varareittiä.",
            "Aseta prioriteetit samaan järjestykseen kuin saamissasi tietueissa; pienin luku on ensimmäinen.",
        ),
        Code::MxHostRetiring => (
            "MX-tietueissa on suodatuspalvelun palvelin, joka poistetaan käytöstä. Posti kulkee, mutta tietueisiin kuuluvat nykyiset palvelimet.",
            "Aseta suodatuspalvelun nykyiset MX-tietueet käytöstä poistuvan tilalle. Molemmat ottavat sillä välin postia vastaan.",
        ),
        Code::MxHostRetired => (
            "MX-tietueissa on palvelin, joka on poistettu käytöstä: se ei enää ota postia vastaan.",
            "Poista käytöstä poistettu palvelin MX-tietueista heti ja aseta suodatuspalvelun nykyiset MX-tietueet.",
        ),
        Code::MxHostAdded => (
            "Suodatuspalveluun on lisätty MX-palvelin tietueiden asettamisen jälkeen. Posti kulkee, mutta ilman tätä varareittiä.",
            "Lisää uusi MX-palvelin saamiesi tietueiden mukaisesti.",
        ),
        Code::MxNullMixed => (
            "Tyhjä MX-tietue on muiden MX-tietueiden rinnalla, minkä RFC 7505 kieltää: osa lähettäjistä kieltäytyy toimittamasta postia.",
            "Poista MX-tietue, jonka palvelimena on pelkkä piste.",
        ),
        Code::MxOwnerAlias => (
            "Verkkotunnus on itse alias (CNAME): sen posti seuraa toisen nimen MX-tietueita.",
            "Poista verkkotunnuksen CNAME-tietue ja anna sille omat osoite- ja MX-tietueet.",
        ),
        Code::MxLookupError => (
            "MX-tietueita ei saatu selville. Se ei tarkoita, että niitä ei ole.",
            "Jos tilanne jatkuu, kysy DNS-palveluntarjoajalta, toimivatko nimipalvelimet ja palvelevatko ne verkkotunnusta.",
        ),
        Code::NsInconsistent => (
            "Kaikki nimipalvelimet eivät anna samoja MX-tietueita. Osa lähettäjistä käyttäisi yksiä, osa toisia.",
            "Odota tunti muutoksen jälkeen. Jos tilanne jatkuu, kysy DNS-palveluntarjoajalta, miksi mainituilla nimipalvelimilla on eri versio vyöhykkeestä (vyöhykesiirto, sarjanumero).",
        ),
        Code::NsLame => (
            "Delegoinnissa mainittu nimipalvelin ei vastaa vyöhykkeestä.",
            "Pyydä DNS-palveluntarjoajaa lisäämään vyöhyke kyseiselle palvelimelle tai poistamaan palvelin NS-tietueista.",
        ),
        Code::NsUnreachable => (
            "Yksi nimipalvelinten osoitteista ei vastannut.",
            "Kysy DNS-palveluntarjoajalta, toimiiko palvelin ja vastaako se portissa 53 (UDP ja TCP).",
        ),
        Code::NsDead => (
            "Nimipalvelimen osoite ei ole vastannut 24 tuntiin, ja se jätetään huomiotta, koska vähintään kaksi muuta on yhtä mieltä.",
            "Pyydä DNS-palveluntarjoajaa korjaamaan palvelin tai poistamaan se NS-tietueista.",
        ),
        Code::NsDelegationMismatch => (
            "Ylävyöhyke ja verkkotunnuksen oma vyöhyke luettelevat eri nimipalvelimet.",
            "Aseta vyöhykkeeseen ja rekisterinpitäjälle samat NS-tietueet.",
        ),
        Code::NsNoAddress => (
            "Delegoinnissa mainitulla nimipalvelimella ei ole osoitetta.",
            "Anna nimipalvelimelle A- tai AAAA-tietue tai poista se NS-tietueista, myös rekisterinpitäjältä.",
        ),
        Code::DnsMalformed => (
            "Nimipalvelin lähetti viestin, joka ei ole kelvollinen vastaus.",
            "Pyydä DNS-palveluntarjoajaa tarkistamaan palvelin tai sen edessä oleva palomuuri, joka muuttaa DNS-viestejä.",
        ),
        Code::ResolverStale => (
            "Julkinen resolveri antaa vielä vanhat MX-tietueet. Kopio vanhenee itsestään.",
            "Sinun ei tarvitse tehdä mitään: kopiot vanhenevat itsestään, kun niiden elinaika päättyy.",
        ),
        Code::TtlHigh => (
            "MX-tietueiden elinaika (TTL) on pitkä, joten muutos tavoittaa kaikki lähettäjät hitaasti. Lyhentäminen etukäteen nopeuttaa muutosta.",
            "Lyhennä MX-tietueiden TTL 300 sekuntiin, odota vanhan TTL-ajan verran ja muuta MX-tietueet vasta sitten.",
        ),
        Code::EarlyCutover => (
            "MX-tietueet osoittavat suodatuspalveluun ennen kuin tarkistukset ovat valmiit. Suodatuspalvelu pyytää lähettäjiä yrittämään uudelleen.",
            "Palauta aiemmat MX-tietueet tai korjaa heti muut havainnot: tarkistukset tehdään kiireellisinä.",
        ),
        Code::VantageFault => (
            "Vika on testaajan puolella, ei asiakkaan.",
            "Asiakkaan ei tarvitse tehdä mitään: palvelun ylläpitäjä korjaa testaavan osan.",
        ),
        // Firewall
        Code::FwPass => (
            "Kaikista suodatuspalvelun osoitteista pääsee sähköpostipalvelimelle.",
            "Ei mitään. Jätä portti avoimeksi kaikille muille, kunnes ilmoitamme, että vanhan reitin voi sulkea.",
        ),
        Code::FwPartial => (
            "Sähköpostipalvelimelle pääsee vain osasta suodatuspalvelun osoitteista.",
            "Salli TCP-yhteydet sähköpostipalvelimen porttiin puuttuvista osoitteista; lisää ne äläkä muuta mitään muuta.",
        ),
        Code::FwAnnouncedBlocked => (
            "Sähköpostipalvelin ei vielä päästä läpi osoitetta, josta suodatuspalvelu aikoo toimittaa postia. Sitä ennen sieltä ei tule postia.",
            "Salli TCP-yhteydet sähköpostipalvelimen porttiin myös ilmoitetuista uusista osoitteista, ennen kuin niistä aletaan toimittaa postia.",
        ),
        Code::FwInverted => (
            "Muut pääsevät sähköpostipalvelimelle, mutta suodatuspalvelu ei: estolista, maakohtainen esto tai tunkeutumisen esto pudottaa sen osoitteet.",
            "Salli suodatuspalvelun osoitteet ja tarkista estolistat, maakohtaiset estot ja tunkeutumisen esto.",
        ),
        Code::FwRejected => (
            "Muut pääsevät sähköpostipalvelimelle, mutta suodatuspalvelun osoitteet torjutaan: jokin sääntö hylkää ne.",
            "Salli suodatuspalvelun osoitteet: jokin sääntö torjuu ne, vaikka muut pääsevät läpi.",
        ),
        Code::FwProhibited => (
            "Palomuuri vastaa, että yhteydet suodatuspalvelun osoitteista on kielletty.",
            "Salli suodatuspalvelun osoitteet siinä palomuurissa, joka vastaa.",
        ),
        Code::FwRejectOrDown => (
            "Kukaan ei saa yhteyttä, portti torjuu: joko sähköpostipalvelu on pysähtynyt tai sääntö torjuu kaikki.",
            "Tarkista, että sähköpostipalvelu on käynnissä ja kuuntelee porttia. Jos on, salli suodatuspalvelun osoitteet.",
        ),
        Code::FwServiceDown => (
            "Palomuuri päästää suodatuspalvelun läpi, mutta mikään ei kuuntele porttia: sähköpostipalvelu ei ole käynnissä.",
            "Käynnistä sähköpostipalvelu: palomuuri on auki, mutta mikään ei kuuntele porttia.",
        ),
        Code::FwNoCommonFamily => (
            "Sähköpostipalvelimella on vain IPv6-osoitteita ja suodatuspalvelulla vain IPv4-osoitteita tai päinvastoin: posti ei pääse perille.",
            "Anna sähköpostipalvelimelle samaa tyyppiä oleva osoite kuin suodatuspalvelulla (A- tai AAAA-tietue).",
        ),
        Code::FwIndeterminate => (
            "Kukaan ei saa vastausta: palvelin ei ole käynnissä tai palomuuri pudottaa kaiken. Ulkoapäin nämä näyttävät samalta.",
            "Tarkista, onko palvelin käynnissä, ja etsi palomuurin lokista havainnossa luetellut yhteydet.",
        ),
        Code::FwOpenWorld => (
            "Sähköpostipalvelin ottaa postia vastaan keneltä tahansa. Ennen muutosta se on odotettua; sen jälkeen roskapostittajat voivat ohittaa suodatuksen.",
            "Ei mitään ennen muutosta. Kun ilmoitamme siitä, sulje portti kaikilta muilta kuin suodatuspalvelun osoitteilta.",
        ),
        Code::FwClosedTooEarly => (
            "Palomuuri on jo suljettu kaikilta muilta kuin suodatuspalvelulta, vaikka MX-tietueet osoittavat vielä tähän palvelimeen. Postia katoaa nyt.",
            "Avaa portti heti kaikille ja pidä se auki, kunnes ilmoitamme, että vanhan reitin voi sulkea.",
        ),
        Code::FwLockdownVerified => (
            "Vain suodatuspalvelu pääsee sähköpostipalvelimelle: suodatusta ei voi ohittaa.",
            "Ei mitään: vain suodatuspalvelu pääsee läpi.",
        ),
        Code::FwLockdownApplication => (
            "Muut saavat yhteyden, mutta sähköpostipalvelin torjuu niiden postin. MX-muutoksen jälkeen se on oikein: suodatusta ei voi ohittaa.",
            "Ei mitään, kun MX-tietueet on muutettu. Sitä ennen palvelimen pitää ottaa postia vastaan kaikilta.",
        ),
        Code::FwUnverifiable => (
            "Pilvipalvelussa ei ole asiakkaan omaa palomuuria, jota voisi tarkistaa.",
            "Ei mitään nyt. Muutoksen jälkeen pilvipalvelun säännöllä voi ottaa postia vastaan vain suodatuspalvelulta.",
        ),
        // SMTP
        Code::SmtpOk => ("Koko SMTP-keskustelu onnistui, ja palvelin ottaa vastaan verkkotunnuksen postia.", NOTHING),
        Code::SmtpUnresolvable => (
            "Sähköpostipalvelimen nimellä ei ole osoitetta.",
            "Anna palvelimen nimelle A- tai AAAA-tietue tai korjaa meille ilmoitettu palvelimen nimi.",
        ),
        Code::SmtpUnreachable => (
            "Sähköpostipalvelimeen ei saatu yhteyttä.",
            "Tarkista, että sähköpostipalvelu on käynnissä ja sen portti on auki kysyneelle osoitteelle.",
        ),
        Code::SmtpNoBanner => (
            "Portti on auki, mutta SMTP-tervehdystä ei tule: palvelu on jumissa tai sen edessä oleva välityspalvelin vastaa.",
            "Tarkista, onko sähköpostipalvelu jumissa ja pidätteleekö sen edessä oleva välityspalvelin yhteyksiä.",
        ),
        Code::SmtpEarlyClose => (
            "Palvelin katkaisi yhteyden kesken keskustelun.",
            "Etsi yhteys palvelimen lokista: suodatin tai rajoitus saattaa katkaista sen.",
        ),
        Code::SmtpTarpit => (
            "Palvelin vastaa hyvin hitaasti, tarkoituksella tai ylikuormituksen vuoksi. Hidas ei ole sama kuin epäkunnossa.",
            "Poista suodatuspalvelun osoitteilta tarkoituksellinen hidastus.",
        ),
        Code::SmtpRateLimited => (
            "Palvelin ilmoittaa, että yhteyksiä on juuri nyt liikaa.",
            "Ei mitään nyt: yritämme myöhemmin uudelleen. Jos tilanne jatkuu, nosta suodatuspalvelun osoitteiden rajaa.",
        ),
        Code::SmtpTempFail => (
            "Palvelin vastasi väliaikaisella virheellä.",
            "Ei mitään nyt: yritämme myöhemmin uudelleen. Jos tilanne jatkuu, katso palvelimen lokia.",
        ),
        Code::SmtpPolicyReject => (
            "Portti on auki, mutta palvelimen säännöt torjuvat tämän osoitteen.",
            "Salli suodatuspalvelun osoitteet palvelimen tai palvelualustan omassa luettelossa. Jos syynä on estolista, palvelun ylläpitäjä poistattaa osoitteen siltä.",
        ),
        Code::SmtpGreylisted => (
            "Palvelin pyytää yrittämään myöhemmin uudelleen (harmaalistaus). Posti pääsee läpi seuraavalla yrityksellä samasta osoitteesta.",
            "Ei mitään nyt: yritämme samasta osoitteesta uudelleen 5, 15, 30 ja 60 minuutin kuluttua. Poista suodatuspalvelun osoitteet harmaalistauksesta.",
        ),
        Code::SmtpRcptRejected => (
            "Palvelin ei ota vastaan verkkotunnuksen postia.",
            "Aseta palvelin ottamaan vastaan verkkotunnuksen postia suodatuspalvelulta ja ilmoita testipostilaatikko, joka on olemassa.",
        ),
        Code::SmtpPostmasterMissing => (
            "Palvelin ei ota vastaan postmaster-osoitteen postia; se pitää olla jokaisella verkkotunnuksella (RFC 5321 §4.5.1).",
            "Luo verkkotunnukseen postmaster-osoite tai samanniminen alias.",
        ),
        Code::SmtpMiddlebox => (
            "Välissä oleva palomuuri muuttaa SMTP-keskustelua.",
            "Poista palomuurista SMTP-tarkastus: se rikkoo STARTTLS-salauksen.",
        ),
        Code::SmtpWrongProtocol => (
            "Portissa vastaa jokin, joka ei puhu SMTP:tä.",
            "Selvitä, mikä porttia kuuntelee; käynnistä siinä sähköpostipalvelu tai ilmoita oikea portti.",
        ),
        Code::SmtpProtocolError => (
            "Palvelimen vastaus rikkoo SMTP-protokollaa.",
            "Tarkista sähköpostipalvelin ja kaikki sen edessä olevat välityspalvelimet ja palomuurit, jotka muuttavat SMTP-liikennettä.",
        ),
        Code::SmtpAcceptsAll => (
            "Palvelin ottaa vastaan postia osoitteeseen, jota ei voi olla olemassa. Jos se palauttaa tällaisen postin myöhemmin, ilmoitukset menevät väärennetyille lähettäjille.",
            "Aseta palvelin torjumaan tuntemattomat osoitteet heti vastaanotossa (RCPT) sen sijaan, että se palauttaa postin myöhemmin.",
        ),
        Code::RelaySuspect => (
            "Palvelin näyttää ottavan vastaan postia muille kuin omille verkkotunnuksilleen.",
            "Salli postin välittäminen vain omista verkoista ja kirjautumisen jälkeen.",
        ),
        Code::StrangersRefused => {
            ("Palvelin torjuu tuntemattomat osoitteet tai vieraiden verkkotunnusten postin, kuten pitää.", NOTHING)
        }
        Code::StrangersUntested => (
            "Ei saatu selville, ottaako palvelin vastaan tuntemattomien osoitteiden tai vieraiden verkkotunnusten postia.",
            "Muutosta varten ei tarvitse tehdä mitään. Asian voi testata myöhemmin uudelleen osoitteesta, joka ei kuulu suodatuspalvelulle.",
        ),
        // TLS
        Code::TlsAbsent => (
            "Palvelin ei tarjoa STARTTLS-salausta: posti kulkee sille salaamattomana.",
            "Asenna sähköpostipalvelimelle varmenne ja ota STARTTLS käyttöön.",
        ),
        Code::TlsBroken => (
            "Palvelin tarjoaa STARTTLS-salausta, mutta kättely epäonnistuu.",
            "Tarkista sähköpostipalvelimen varmenne, sen avain ja TLS-asetukset.",
        ),
        Code::TlsStripped => (
            "STARTTLS on tarjolla muualla, mutta ei tässä paikassa: jokin matkan varrella poistaa sen.",
            "Etsi reitiltä palomuuri tai välityspalvelin, joka poistaa STARTTLS:n, tai sääntö, joka tarjoaa sitä vain osalle osoitteista.",
        ),
        Code::TlsPkix => (
            "Palvelimen varmenne ei läpäisisi tiukkaa tarkistusta (nimi, voimassaolo tai ketju). Tavanomainen salaus toimii silti.",
            "Asenna palvelimen nimelle julkisen varmentajan varmenne ja uusi se ajoissa.",
        ),
        Code::TlsTooOld => (
            "Palvelin osaa vain TLS-versioita, jotka eivät enää ole turvallisia (RFC 8996).",
            "Päivitä sähköpostipalvelin tai salli TLS 1.2 ja 1.3.",
        ),
        Code::TlsInjection => (
            "Palvelimen STARTTLS-vastausta seurasi salaamatonta tekstiä: sitä voisi ujuttaa salattuun istuntoon.",
            "Päivitä sähköpostipalvelin tai sen edessä oleva välityspalvelin: sen pitää hylätä ennen kättelyä tullut teksti.",
        ),
        // Targets
        Code::BlockedTarget => (
            "Osoite on yksityinen, paikallinen tai muuten erityinen, joten sitä ei testata.",
            "Ilmoita toinen palvelin tai osoite: sen pitää olla tavoitettavissa internetistä.",
        ),
        Code::BadInput => {
            ("Annettu nimi, osoite tai portti ei ole käyttökelpoinen.", "Korjaa palvelimen nimi, osoite tai portti.")
        }
        // Policies around the domain
        Code::StsMismatch => (
            "Verkkotunnuksen MTA-STS-käytäntö on pakottava eikä nimeä suodatuspalvelua: sitä noudattavat lähettäjät kieltäytyisivät toimittamasta postia muutoksen jälkeen.",
            "Lisää suodatuspalvelun palvelimet käytäntötiedostoon mx:-riveiksi, vaihda TXT-tietueen id ja odota havainnossa mainittu aika.",
        ),
        Code::StsWait => (
            "MTA-STS-käytäntö nimeää nyt suodatuspalvelun, mutta lähettäjillä voi vielä olla aiempi käytäntö.",
            "Odota havainnossa mainittuun aikaan asti.",
        ),
        Code::StsRemoved => (
            "MTA-STS-käytäntö, joka ei nimennyt suodatuspalvelua, poistettiin korjaamisen sijaan: lähettäjät noudattavat kopiotaan, kunnes se vanhenee.",
            "Julkaise uudelleen käytäntö, joka nimeää suodatuspalvelun, ja vaihda tietueen id; MX-tietueet voi muuttaa vuorokauden kuluttua.",
        ),
        Code::StsIdUnchanged => (
            "MTA-STS-käytäntö korjattiin, mutta sen tietueen id:tä ei vaihdettu, joten lähettäjät eivät hae sitä uudelleen.",
            "Vaihda TXT-tietueen id havainnossa annettuun arvoon.",
        ),
        Code::StsUnknown => (
            "Ei saatu selville, salliiko verkkotunnuksen MTA-STS-käytäntö suodatuspalvelun.",
            "Tee käytännöstä luettava havainnossa annetussa osoitteessa HTTPS:llä ja kelvollisella varmenteella, tai poista TXT-tietue.",
        ),
        Code::StsInvalid => (
            "Verkkotunnuksen MTA-STS-tietue tai -käytäntö on virheellinen, joten lähettäjät eivät välitä siitä (RFC 8461 §3).",
            "Korjaa tietue tai käytäntö tai poista molemmat.",
        ),
        Code::StsOk => ("MTA-STS ei ole muutoksen esteenä.", NOTHING),
        Code::ContactInDomain => (
            "Yhteyshenkilön osoite on samassa verkkotunnuksessa, jota siirretään: jos siirto epäonnistuu, varoituksetkaan eivät tule perille.",
            "Ilmoita yhteyshenkilö, jonka osoite on toisessa verkkotunnuksessa.",
        ),
        Code::RouteLoop => (
            "Asiakkaan oma sähköpostipalvelin on suodatuspalvelu itse: posti kiertäisi kehää.",
            "Ilmoita asiakkaan oma sähköpostipalvelin sen omalla osoitteella, ei suodatuspalvelun.",
        ),
        Code::SpfMx => (
            "SPF-tietueessa on mx, jonka merkitys muuttuu MX-tietueiden mukana: oma palvelin ei ehkä enää saa lähettää postia.",
            "Korvaa SPF-tietueen mx oman palvelimen osoitteilla ennen MX-muutosta.",
        ),
        Code::SpfLookupLimit => (
            "SPF-tietue vaatii yli kymmenen DNS-kyselyä, joten vastaanottajat pitävät sitä rikkinäisenä (RFC 7208 §4.6.4).",
            "Vähennä include-, a-, mx-, ptr-, exists- ja redirect-kohdat enintään kymmeneen.",
        ),
        Code::SpfMultiple => (
            "Verkkotunnuksella on useampi kuin yksi SPF-tietue, joten vastaanottajat pitävät SPF:ää rikkinäisenä (RFC 7208 §4.5).",
            "Yhdistä SPF-tietueet yhdeksi.",
        ),
        Code::DnssecOk => ("Verkkotunnus on allekirjoitettu (DNSSEC), ja vastaukset ovat kelvollisia.", NOTHING),
        Code::DnssecNone => ("Verkkotunnusta ei ole allekirjoitettu (DNSSEC).", NOTHING_FOR_CHANGE),
        Code::DnssecUnverified => (
            "Verkkotunnuksen DNSSEC-allekirjoituksia ei voitu tarkistaa.",
            "Aseta todentava resolveri asetukseen probe.resolvers.",
        ),
        Code::DnssecBogus => (
            "Verkkotunnuksen DNSSEC-allekirjoitukset eivät pidä: todentavia resolvereita käyttävät lähettäjät eivät saa vastausta lainkaan (RFC 4035).",
            "Allekirjoita vyöhyke avaimella, jonka DS-tietue nimeää, tai poista DS-tietue rekisterinpitäjän kautta.",
        ),
        Code::DaneOk => ("Suodatuspalvelun palvelimen TLSA-tietueet vastaavat sen varmennetta.", NOTHING),
        Code::DaneMismatch => (
            "Suodatuspalvelun palvelin ei esitä TLSA-tietueidensa mukaista varmennetta: DANEa käyttävät lähettäjät eivät toimittaisi sille postia (RFC 7672).",
            "Julkaise havainnossa annettu TLSA-tietue tai palauta palvelimelle sen avain.",
        ),
        Code::DaneIgnored => (
            "Suodatuspalvelun palvelimella on TLSA-tietueita, joita lähettäjät eivät käytä, koska niitä ei ole allekirjoitettu tai niiden tyyppi ei kelpaa.",
            "Allekirjoita DANEa varten suodatuspalvelun palvelimen vyöhyke ja julkaise TLSA 3 1 1.",
        ),
        Code::DaneUnknown => (
            "Suodatuspalvelun palvelimen TLSA-tietueita ei voitu hakea tai verrata.",
            "Korjaa suodatuspalvelun palvelimen nimipalvelimet niin, että TLSA-kyselyyn vastataan.",
        ),
        Code::DaneOld => (
            "Muutoksessa pois jäävällä palvelimella on TLSA-tietueita. Niitä tarvitaan vielä jonkin aikaa.",
            "Jätä vanhan palvelimen TLSA-tietueet paikoilleen, kunnes vanhaa reittiä ei enää tarvita.",
        ),
        Code::TargetSpfEnforced => (
            "Oma sähköpostipalvelin hylkää suodatuspalvelun postin lähettäjän SPF-tietueen vuoksi. Muutoksen jälkeen suurin osa postista hylättäisiin.",
            "Poista suodatuspalvelun osoitteilta oman palvelimen SPF- ja DMARC-tarkistukset.",
        ),
        Code::TargetSpfOk => {
            ("Oma sähköpostipalvelin ei hylkää suodatuspalvelun postia lähettäjän SPF-tietueen vuoksi.", NOTHING)
        }
        Code::TargetSpfUntested => (
            "Ei saatu selville, hylkääkö oma sähköpostipalvelin suodatuspalvelun postia lähettäjän SPF-tietueen vuoksi.",
            "Ei mitään nyt: tämä testataan myöhemmin uudelleen.",
        ),
        Code::TargetDmarcUnverifiable => (
            "Ilman viestin lähettämistä ei näe, hylkääkö oma sähköpostipalvelin postia DMARCin vuoksi.",
            "Varmista, ettei oma palvelin tee DMARC-tarkistuksia suodatuspalvelun osoitteista tulevalle postille.",
        ),
        Code::DmarcFound => ("Verkkotunnuksella on DMARC-käytäntö. Se pysyy ennallaan, kun MX muuttuu.", NOTHING),
        Code::DmarcNone => ("Verkkotunnuksella ei ole DMARC-tietuetta.", NOTHING_FOR_CHANGE),
        Code::DmarcInvalid => (
            "Verkkotunnuksen DMARC-tietue on virheellinen, joten vastaanottajat eivät välitä siitä (RFC 7489 §6.6.3).",
            "Jätä nimeen _dmarc yksi TXT-tietue, jossa on haluttu käytäntö.",
        ),
        Code::TlsRptFound => ("Verkkotunnus pyytää TLS-raportteja (RFC 8460).", NOTHING),
        Code::TlsRptNone => (
            "Verkkotunnus ei pyydä TLS-raportteja (RFC 8460).",
            "Jos haluat raportteja, lisää havainnossa annettu TXT-tietue.",
        ),
        Code::TlsRptInvalid => (
            "Verkkotunnuksen TLS-RPT-tietue on virheellinen, joten raportteja ei tule (RFC 8460 §3).",
            "Jätä nimeen _smtp._tls yksi TXT-tietue, sellaisena kuin havainto sen antaa.",
        ),
        Code::PolicyUnread => (
            "Verkkotunnuksen käytäntöjä ei voitu lukea. Se ei tarkoita, että niitä ei ole.",
            "Jos tilanne jatkuu, kysy DNS-palveluntarjoajalta, toimivatko nimipalvelimet, ja tarkista, onko rekisteröinti päättynyt.",
        ),
        // The gateway's own side
        Code::GwOk => ("Kaikki suodatuspalvelun MX-palvelimet ottavat vastaan verkkotunnuksen postia.", NOTHING),
        Code::GwNotAccepting => (
            "Suodatuspalvelun MX-palvelin ei vielä ota vastaan verkkotunnuksen postia.",
            "Lisää verkkotunnus suodatuspalveluun.",
        ),
        Code::GwUnreachable => (
            "Suodatuspalvelun MX-palvelimeen ei saada yhteyttä ulkopuolelta.",
            "Tarkista, että suodatuspalvelun MX-palvelin on käynnissä ja tavoitettavissa internetistä.",
        ),
        Code::GwOpenRelay => (
            "Suodatuspalvelun MX-palvelin ottaa vastaan postia verkkotunnukselle, jota se ei palvele.",
            "Aseta suodatuspalvelu ottamaan vastaan vain palvelemiensa verkkotunnusten posti, ennen kaikkea muuta.",
        ),
        Code::GwTls => (
            "Suodatuspalvelun MX-palvelimella ei ole STARTTLS-salausta tai sen varmenne ei vastaa nimeä.",
            "Ota suodatuspalvelun MX-palvelimella käyttöön STARTTLS ja sen nimelle myönnetty varmenne.",
        ),
        Code::HeloOk => {
            ("Suodatuspalvelun EHLO-nimi johtaa sen osoitteisiin, ja osoitteet johtavat takaisin nimeen.", NOTHING)
        }
        Code::HeloForward => (
            "Suodatuspalvelun EHLO-nimi ei johda osoitteeseen, josta se sanotaan: tiukat sähköpostipalvelimet torjuvat tällaisen lähettäjän.",
            "Anna EHLO-nimelle A- tai AAAA-tietue suodatuspalvelun osoitteella tai aseta nimi, jolla se on.",
        ),
        Code::HeloReverse => (
            "Suodatuspalvelun osoite ei johda takaisin sen EHLO-nimeen: monet sähköpostipalvelimet torjuvat tällaisen lähettäjän tai epäilevät sitä.",
            "Pyydä osoitteen antajaa asettamaan sen PTR-tietueeksi EHLO-nimi.",
        ),
        Code::HeloUnknown => (
            "Suodatuspalvelun EHLO-nimen ja osoitteen vastaavuutta ei voitu tarkistaa.",
            "Tarkista, vastaavatko resolverit ja molempien vyöhykkeiden nimipalvelimet.",
        ),
        Code::CanaryOk => {
            ("Suodatuspalvelun kautta lähetetty testiviesti saapui postilaatikkoon: toimitusilmoitus palasi.", NOTHING)
        }
        Code::CanaryRelayed => (
            "Asiakkaan sähköpostipalvelin otti testiviestin vastaan suodatuspalvelulta; perilletuloa postilaatikkoon ei ilmoiteta.",
            NOTHING,
        ),
        Code::CanaryWaiting => (
            "Testiviesti on lähetetty tai lähdössä suodatuspalvelun kautta, ja sen toimitusilmoitusta odotetaan.",
            "Ei mitään: toimitusilmoitus palaa yleensä muutamassa minuutissa.",
        ),
        Code::CanaryDelayed => (
            "Suodatuspalvelu ei ole vielä saanut testiviestiä toimitettua ja yrittää uudelleen.",
            "Selvitä, miksi sähköpostipalvelin pyytää suodatuspalvelua yrittämään myöhemmin.",
        ),
        Code::CanaryLate => (
            "Testiviesti lähetettiin suodatuspalvelun kautta, mutta toimitusilmoitusta ei tullut.",
            "Etsi viesti suodatuspalvelun lokista ja tarkista, että osoitteeseen probe.canary_sender tuleva posti päätyy komennolle `fencepost intake` tai kansioon intake.maildir.",
        ),
        Code::CanaryFailed => (
            "Suodatuspalvelun kautta lähetetty testiviesti palautui, koska sitä ei voitu toimittaa.",
            "Aseta testipostilaatikko ottamaan vastaan postia suodatuspalvelun osoitteista tai ilmoita tilauksessa toinen postilaatikko.",
        ),
        Code::CanaryNotSent => (
            "Suodatuspalvelu ei ottanut testiviestiä vastaan.",
            "Selvitä suodatuspalvelun lokista, miksi se ei ota postia vastaan osoitteesta probe.canary_sender.",
        ),
        Code::CanaryNoDsn => (
            "Suodatuspalvelu ei tarjoa toimitusilmoituksia, joten reittiä ei voi todentaa testiviestillä.",
            "Ota suodatuspalvelun MX-palvelimilla käyttöön DSN tai aseta probe.canary arvoon `off`.",
        ),
    }
}
