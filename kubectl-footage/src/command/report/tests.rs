//! The report in its four forms, held to files that people looked at, and what a hostile name does to each of them.

use camerafleet_crds::Basis;
use camerafleet_footage::report::{
    Checkpoint, Denial, Durations, Emergencies, Figures, Holds, KEY, Month, Notices, Report, Row, Times,
    VERSION, config_map_name,
};
use k8s_openapi::api::core::v1::ConfigMap;

use super::{Output, read::read, render, summary::Summary};
use crate::failure::Failure;

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn durations(pairs: &[(u64, u64)]) -> Durations {
    pairs.to_vec().into()
}

/// Carried over, submitted, delivered, denied, withdrawn, expired, failed.
fn row(basis: Basis, organisation: Option<&str>, counts: [u64; 7], hours: u64) -> Row {
    let [carried_over, submitted, delivered, denied, withdrawn, expired, failed] = counts;
    Row {
        basis: Some(basis),
        organisation: organisation.map(str::to_owned),
        carried_over,
        submitted,
        delivered,
        denied,
        withdrawn,
        expired,
        failed,
        pending: carried_over + submitted - delivered - denied - withdrawn - expired - failed,
        cameras: delivered * 2,
        camera_seconds: hours * 3_600,
        ..Row::default()
    }
}

fn report(of: &str, complete: bool, requests: Vec<Row>) -> Report {
    let size = (of.replace('-', "").parse::<u64>().unwrap() - 202_600) * 617;
    let origin = "camerafleet.io/6f1c/elm-street".to_owned();
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=".to_owned();
    let note = format!(
        "{origin}\n{size}\n{root}\n\n— {origin} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    );
    let denied: u64 = requests.iter().map(|row| row.denied).sum();
    let figures = Figures {
        denials: (denied > 0)
            .then(|| Denial { rule: "BasisNotListed".into(), requests: denied })
            .into_iter()
            .collect(),
        requests,
        ..Figures::default()
    };
    Report {
        version: VERSION,
        tenant: "elm-street".into(),
        month: month(of),
        complete,
        figures,
        checkpoint: Checkpoint { origin, size, root, note },
    }
}

/// Half a year.
fn reports() -> Vec<Report> {
    use Basis::{Consent, CourtOrder, Emergency, OwnerExport, SubjectAccess};
    const POLICE: Option<&str> = Some("Example Police");
    const INSURER: Option<&str> = Some("Example Mutual Insurance");
    let mut reports = vec![
        report(
            "2026-06",
            true,
            vec![
                row(Consent, POLICE, [0, 4, 2, 1, 0, 0, 0], 5),
                row(Emergency, POLICE, [0, 2, 0, 2, 0, 0, 0], 0),
            ],
        ),
        report(
            "2026-07",
            true,
            vec![
                row(Consent, POLICE, [1, 3, 1, 1, 1, 0, 0], 2),
                row(Consent, INSURER, [0, 2, 1, 0, 0, 0, 0], 12),
                row(CourtOrder, POLICE, [0, 1, 1, 0, 0, 0, 0], 24),
            ],
        ),
        report(
            "2026-08",
            true,
            vec![
                row(Consent, POLICE, [1, 0, 0, 0, 0, 0, 0], 0),
                row(Consent, INSURER, [1, 0, 0, 0, 0, 0, 0], 0),
            ],
        ),
        report(
            "2026-09",
            true,
            vec![
                row(Consent, POLICE, [1, 0, 0, 0, 0, 1, 0], 0),
                row(Consent, INSURER, [1, 1, 2, 0, 0, 0, 0], 3),
                row(SubjectAccess, None, [0, 1, 1, 0, 0, 0, 0], 1),
            ],
        ),
        report(
            "2026-10",
            true,
            vec![
                row(CourtOrder, POLICE, [0, 3, 2, 1, 0, 0, 0], 31),
                row(CourtOrder, Some("District Attorney of Example"), [0, 1, 0, 0, 0, 0, 1], 0),
                row(Emergency, Some("Example Fire & Rescue"), [0, 1, 1, 0, 0, 0, 0], 1),
                row(OwnerExport, None, [0, 2, 2, 0, 0, 0, 0], 4),
            ],
        ),
        report(
            "2026-11",
            false,
            vec![
                row(Consent, POLICE, [0, 5, 2, 1, 0, 0, 0], 6),
                row(OwnerExport, None, [0, 1, 1, 0, 0, 0, 0], 2),
            ],
        ),
    ];
    reports[0].figures.denials.push(Denial { rule: "MaxWindow".into(), requests: 1 });
    reports[4].figures.emergencies = Emergencies { released: 1, due: 1, ..Emergencies::default() };
    reports[5].figures.emergencies = Emergencies { overdue: 1, ..Emergencies::default() };
    reports[4].figures.notices = Notices {
        sent: 9,
        not_reached: 1,
        delayed: 1,
        still_delayed: 1,
        delayed_until: Some("2026-11-20T00:00:00Z".parse().unwrap()),
        ..Notices::default()
    };
    reports[5].figures.notices = Notices { sent: 4, delays_ended: 1, ..Notices::default() };
    reports[3].figures.holds = Holds { opened: 2, open: 2, ..Holds::default() };
    reports[4].figures.holds = Holds { renewed: 1, open: 2, ..Holds::default() };
    reports[5].figures.holds = Holds { closed: 1, open: 1, ..Holds::default() };
    let times = |decision: &[(u64, u64)], delivery: &[(u64, u64)]| Times {
        to_decision: durations(decision),
        to_delivery: durations(delivery),
    };
    reports[1].figures.times = times(&[(90, 2), (5_400, 1), (93_600, 1)], &[(600, 1), (97_200, 2)]);
    reports[5].figures.times = times(&[(45, 3), (12_060, 1)], &[(300, 3)]);
    reports
}

fn summary(reports: Vec<Report>) -> Summary {
    Summary::new("elm-street".into(), reports, None, None).unwrap_or_else(|error| panic!("{error}"))
}

fn rendered(summary: &Summary, output: Output) -> String {
    render(summary, output).unwrap_or_else(|error| panic!("{error}"))
}

const ALL: [(Output, &str); 4] = [
    (Output::Table, "table.txt"),
    (Output::Json, "report.json"),
    (Output::Csv, "report.csv"),
    (Output::Html, "page.html"),
];

/// `BLESS=1` writes them anew, to be looked at.
#[test]
fn each_form_is_as_it_was_looked_at() {
    let summary = summary(reports());
    for (output, file) in ALL {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/report").join(file);
        let text = rendered(&summary, output);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert!(text == golden, "{file} differs: run with BLESS=1, and look at it\n{text}");
    }
}

fn hostile(name: &str) -> Vec<Report> {
    let mut report = report("2026-11", true, vec![row(Basis::Consent, Some(name), [0, 1, 1, 0, 0, 0, 0], 1)]);
    report.tenant = name.to_owned();
    report.figures.denials.push(Denial { rule: name.to_owned(), requests: 1 });
    let map = ConfigMap {
        data: Some([(KEY.to_owned(), serde_json::to_string(&report).unwrap())].into()),
        ..ConfigMap::default()
    };
    vec![read(&map).unwrap_or_else(|error| panic!("{error}"))]
}

#[test]
fn a_name_is_never_markup() {
    let names = [
        "<script>alert(1)</script>",
        "</title><img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)",
        "&lt;b&gt;",
        "</style><script>",
    ];
    for name in names {
        let page = rendered(&summary(hostile(name)), Output::Html);
        let plain = rendered(&summary(hostile("plain")), Output::Html);
        // As many tags as a name without any makes, and the same ones.
        let tags = |page: &str| page.matches('<').count();
        assert_eq!(tags(&page), tags(&plain), "{name}");
        assert!(!page.contains(name) || !name.contains(['<', '"', '&']), "{name}");
        for part in ["<script", "<img", "onload=", "onerror="] {
            let as_markup = page.contains(part)
                && !page.contains(&format!("&lt;{}", &part[1..]))
                && part.starts_with('<');
            assert!(!as_markup, "{name}: {part}");
        }
    }
    let page = rendered(&summary(reports()), Output::Html);
    for outside in ["http://", "https://", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_name_is_never_a_formula() {
    for name in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "=HYPERLINK(\"https://evil.example.com\",\"a,b\")"] {
        let text = rendered(&summary(hostile(name)), Output::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let line = reader.records().next().unwrap().unwrap();
        for field in [&line[0], &line[4]] {
            assert_eq!(field, format!("'{name}"), "{text}");
        }
    }
    // Quotes, commas and lines as RFC 4180 has them.
    let text = rendered(&summary(hostile("Smith, Jones & \"Co\"")), Output::Csv);
    assert!(text.contains("\"Smith, Jones & \"\"Co\"\"\",2026-11,true,Consent,"), "{text}");
    assert!(text.ends_with("\r\n") && text.lines().count() == 2);
}

#[test]
fn a_name_is_never_a_command_to_the_terminal() {
    for name in ["\u{1b}[2J\u{1b}]0;title\u{7}Police", "a\rb\nc\td", "\u{9b}31mred", "\u{202e}ecilop\u{2066}"]
    {
        for (output, _) in ALL {
            let text = rendered(&summary(hostile(name)), output);
            let bad = |c: char| {
                (c.is_control() && c != '\n' && c != '\r')
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!text.contains(bad), "{output:?} {name:?}");
            assert!(output == Output::Csv || !text.contains('\r'), "{output:?} {name:?}");
        }
    }
    // A wide script keeps its columns.
    let text = rendered(&summary(hostile("警察")), Output::Table);
    let line = text.lines().find(|line| line.starts_with("警察")).unwrap();
    let head = text.lines().find(|line| line.starts_with("ORGANISATION")).unwrap();
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    assert_eq!(width(line), width(head), "{text}");
}

#[test]
fn the_median_of_all_months_is_that_of_all_requests_and_each_is_counted_once() {
    let summary = summary(reports());
    // 45 45 45 90 90 5400 12060 93600
    assert_eq!(summary.figures.times.to_decision.median(), Some(90));
    assert_eq!(summary.figures.times.to_decision.percentile(90), Some(93_600));
    let total = summary.figures.total();
    assert!(total.adds_up());
    assert_eq!((total.carried_over, total.submitted, total.pending), (0, 27, 2));
    let json: serde_json::Value = serde_json::from_str(&rendered(&summary, Output::Json)).unwrap();
    assert_eq!(json["summary"]["toDecision"]["medianSeconds"], 90);
    assert_eq!(
        json["months"][1]["figures"]["times"]["toDecision"],
        serde_json::json!([[90, 2], [5_400, 1], [93_600, 1]])
    );
}

#[test]
fn months_that_are_missing_or_not_over_are_said() {
    let of = |from: Option<&str>, to: Option<&str>| {
        let mut reports = reports();
        reports.remove(2);
        let month = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Summary::new("elm-street".into(), reports, month(from), month(to))
    };
    let all = of(None, None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(all.missing, [month("2026-08")]);
    assert!(!all.is_complete());
    let text = rendered(&all, Output::Table);
    assert!(
        text.contains("There is no report of 2026-08.") && text.contains("2026-11 was not over"),
        "{text}"
    );
    let part = of(Some("2026-06"), Some("2026-07")).unwrap_or_else(|error| panic!("{error}"));
    assert!(part.is_complete());
    let early = of(Some("2026-03"), Some("2026-06")).unwrap_or_else(|error| panic!("{error}"));
    assert!(rendered(&early, Output::Table).contains("There is no report of 2026-03 to 2026-05."));
    assert!(of(Some("2025-01"), Some("2025-12")).is_err());
    // Two logs are not one.
    let mut two = reports();
    two[3].checkpoint.origin = "another".into();
    assert!(Summary::new("elm-street".into(), two, None, None).is_err());
}

#[test]
fn a_report_that_is_not_what_it_should_be_is_refused() {
    let good = serde_json::to_value(report(
        "2026-11",
        true,
        vec![row(Basis::Consent, None, [0, 1, 1, 0, 0, 0, 0], 1)],
    ))
    .unwrap();
    let changed = |pointer: &str, value: serde_json::Value| {
        let mut json = good.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        let mut map =
            ConfigMap { data: Some([(KEY.to_owned(), json.to_string())].into()), ..ConfigMap::default() };
        map.metadata.name = Some(config_map_name(month("2026-11")));
        read(&map).map_err(|error: Failure| error.to_string())
    };
    assert!(changed("/complete", false.into()).is_ok());
    for (pointer, value, said) in [
        ("/version", 2.into(), "newer release"),
        ("/version", "x".into(), "cannot be read"),
        ("/month", "November".into(), "cannot be read"),
        ("/figures/requests/0/delivered", 2.into(), "does not add up"),
        ("/checkpoint/size", 1.into(), "another checkpoint"),
        ("/checkpoint/root", "AAAA".into(), "another checkpoint"),
    ] {
        let error = changed(pointer, value).err().unwrap_or_default();
        assert!(error.contains(said) && error.contains("transparency-report-202611"), "{pointer}: {error}");
    }
    assert!(read(&ConfigMap::default()).is_err());
}
