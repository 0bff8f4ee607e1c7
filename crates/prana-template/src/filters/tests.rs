use super::Filters;
use crate::{Budget, FixedNames, Template, Value};

#[test]
fn every_example_in_the_reference_holds() {
    let mut examples = 0;
    let mut wrong = Vec::new();
    for filter in Filters::reference() {
        assert!(
            !filter.summary.is_empty() && !filter.examples.is_empty(),
            "{} has no documentation",
            filter.name
        );
        for example in &filter.examples {
            examples += 1;
            let result = evaluated(example.template);
            if result != example.result {
                wrong.push(format!(
                    "{}: {} gave {result}, not {}",
                    filter.name, example.template, example.result
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(examples > 120, "{examples}");
}

fn evaluated(template: &str) -> String {
    match Template::parse(template, &FixedNames::default(), Filters::standard()) {
        Err(errors) => format!("{errors:?}"),
        Ok(template) => match template.evaluate(&[] as &[Value; 0], &mut Budget::default()) {
            Ok(value) => value.to_json_string(),
            Err(error) => format!("error {}", error.code),
        },
    }
}

/// Every filter that the language has, by the names under which people look for them.
#[test]
fn all_filters_are_there() {
    let names = "upper_case lower_case capitalize strip truncate default length first last join sort reverse uniq slice contains \
        compact flatten sum keys values group_by map filter reject dump abs ceil floor round max min power sqrt mod clamp upper \
        lower trim title replace split starts_with ends_with pad_left pad_right repeat slug regex_match regex_replace regex_find \
        sort_by uniq_by where find every some reduce chunk zip range take skip avg count_by index_by merge pick omit entries \
        from_entries has json parse_json csv parse_csv yaml to_int to_float to_string to_bool type format_number \
        format_currency format_bytes date parse_date add_duration diff in_timezone start_of end_of timestamp base64 \
        base64_decode url_encode url_decode html_escape strip_tags md5 sha256 hmac hex uuid5 required";
    for name in names.split_ascii_whitespace() {
        assert!(Filters::standard().contains(name), "{name}");
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> =
        Filters::reference().iter().flat_map(|f| std::iter::once(f.name).chain(f.aliases.clone())).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
