//! The pages of the built book, in a browser: nothing is wider than the screen, and nothing is missing.
//!
//! `make test-pages` builds the book and runs this. A page of this test's own loads each page of the book into a frame as
//! wide as a phone or a desk and measures it there; a small server gives out both, and takes the report.

mod common;

use common::{Host, ROOT, outcome, wait_until};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The width of a phone and of a desk's screen, in CSS pixels.
const WIDTHS: &str = "[390, 1280]";

/// Measures the pages, one after the other, and reports what it finds: a line for each page, and one for each fault.
const HARNESS: &str = r#"<!doctype html><meta charset="utf-8"><title>harness</title><body><script>
const faults = [], seen = new Map();
const fetched = url => {
    if (!seen.has(url)) seen.set(url, fetch(url).then(async answer => answer.ok ? await answer.text() : null));
    return seen.get(url);
};
const load = (page, width) => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.style = `border: 0; width: ${width}px; height: 800px`;
    frame.onload = () => done(frame);
    frame.src = page;
    document.body.append(frame);
});
const measure = (page, width, view) => {
    const root = view.document.documentElement;
    if (view.innerWidth !== width) faults.push(`${page}: the frame is ${view.innerWidth} wide and not ${width}`);
    if (root.scrollWidth > view.innerWidth) faults.push(`${page} at ${width}: ${root.scrollWidth} wide`);
    const main = view.document.querySelector('main');
    for (const part of main?.children ?? []) {
        const right = part.getBoundingClientRect().right;
        if (right > width) faults.push(`${page} at ${width}: <${part.localName}> ends at ${right}: ${part.textContent.slice(0, 40)}`);
    }
    for (const image of view.document.images)
        if (!image.naturalWidth) faults.push(`${page}: no image ${image.src}`);
    if (view.document.querySelector('.boring')) faults.push(`${page}: a line of code is hidden`);
};
const follow = async (page, view) => {
    for (const link of view.document.querySelectorAll('a[href]')) {
        const url = new URL(link.href);
        if (url.origin !== location.origin) continue;
        const text = await fetched(url.origin + url.pathname);
        const name = decodeURIComponent(url.hash.slice(1));
        if (text === null) faults.push(`${page}: links to ${url.pathname}`);
        else if (name && !new DOMParser().parseFromString(text, 'text/html').getElementById(name))
            faults.push(`${page}: links to ${url.pathname}#${name}`);
    }
};
(async () => {
    const lines = [];
    for (const page of PAGES) for (const width of WIDTHS) {
        if (await fetched(location.origin + page) === null) { faults.push(`${page}: there is no such page`); continue; }
        const frame = await load(page, width), view = frame.contentWindow;
        await Promise.all([...view.document.images].map(image => image.decode().catch(() => {})));
        await view.document.fonts.ready;
        measure(page, width, view);
        if (width === WIDTHS[0]) await follow(page, view);
        const links = view.document.querySelectorAll('main a[href]').length, images = view.document.images.length;
        lines.push(`${page} at ${width}: ${links} links, ${images} images, ${view.document.querySelector('main')?.textContent.length} characters`);
        frame.remove();
    }
    await fetch('/report', { method: 'POST', body: [...lines, ...faults.map(fault => `fault: ${fault}`)].join('\n') });
})().catch(error => fetch('/report', { method: 'POST', body: `fault: the harness: ${error.stack}` }));
</script>"#;

/// Gives out the files of a directory and the harness, on a port of its own; hands on what is posted.
fn serve(directory: PathBuf, pages: &[String]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    let quoted: Vec<String> = pages.iter().map(|page| format!("'{page}'")).collect();
    let harness = HARNESS
        .replace("of PAGES", &format!("of [{}]", quoted.join(", ")))
        .replace("of WIDTHS", &format!("of {WIDTHS}"))
        .replace("WIDTHS[0]", &format!("{WIDTHS}[0]"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (directory, harness, sender) = (directory.clone(), harness.clone(), sender.clone());
            std::thread::spawn(move || answer(&stream.unwrap(), &directory, &harness, &sender));
        }
    });
    (address, receiver)
}

/// Answers one request. The browser may close the connection at any time.
fn answer(stream: &TcpStream, directory: &Path, harness: &str, sender: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.split(['?', '#']).next()?.to_owned();
    let mut length = 0;
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let content = match &*path {
        "/report" => sender.send(String::from_utf8_lossy(&body).into_owned()).ok().map(|()| Vec::new()),
        "/harness" => Some(harness.as_bytes().to_vec()),
        _ if path.split('/').any(|part| part == "..") => None,
        _ => fs::read(directory.join(&path[1..])).ok(),
    };
    let status = if content.is_some() { "200 OK" } else { "404 Not Found" };
    let content = content.unwrap_or_default();
    let kind = kind_of(&path);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    let mut writer = stream;
    writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&content)).ok()
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "text/html; charset=utf-8",
    }
}

/// A browser, which does not outlive the test.
struct Browser(Child);

impl Browser {
    fn open(address: &str, profile: &Path) -> Self {
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.args(["--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1400,1000"]);
        command.arg("--remote-debugging-port=0"); // Without it, it would end when the page is loaded.
        command.arg(format!("--user-data-dir={}", profile.display())).arg(format!("{address}/harness"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Self(command.spawn().expect("chromium is installed"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let kill = |signal: &str| {
            outcome(Command::new("kill").args([signal, "--", &group])).status == 0 // Whether there was any.
        };
        kill("-KILL");
        let _ = self.0.wait(); // How it ended says nothing.
        wait_until("the browser is gone", || !kill("-0")); // Its processes write to its profile.
    }
}

/// What the harness says of some pages of a directory.
fn report(directory: PathBuf, pages: &[String]) -> Vec<String> {
    let host = Host::new("pages");
    let (address, receiver) = serve(directory, pages);
    let browser = Browser::open(&address, &host.dir.join("profile"));
    let report = receiver.recv_timeout(Duration::from_secs(60)).expect("the browser reports within a minute");
    drop(browser);
    report.lines().map(str::to_owned).collect()
}

fn faults(report: &[String]) -> Vec<&str> {
    report.iter().filter_map(|line| line.strip_prefix("fault: ")).collect()
}

#[test]
#[ignore = "it needs the built book and a browser: make test-pages"]
fn no_page_of_the_book_is_wider_than_the_screen_or_lacks_an_image_or_links_nowhere() {
    let book = Path::new(ROOT).join("target/book");
    let summary = fs::read_to_string(Path::new(ROOT).join("docs/SUMMARY.md")).unwrap();
    let names = summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(".md)"));
    let pages: Vec<String> = names.map(|name| format!("/{name}.html")).collect();
    let report = report(book, &pages);
    assert_eq!(faults(&report), <Vec<&str>>::new());
    assert_eq!(report.len(), 2 * pages.len(), "each page was seen at both widths: {report:#?}");
    assert!(pages.len() > 15 && !report.iter().any(|line| line.contains("undefined")), "{report:#?}");
}

#[test]
#[ignore = "it needs a browser: make test-pages"]
fn a_page_with_faults_is_found_out() {
    let host = Host::new("faulty");
    let page = |name: &str, body: &str| {
        let text = format!("<!doctype html><title>t</title><main id=top>{body}</main>");
        fs::write(host.dir.join(name), text).unwrap();
    };
    page(
        "good.html",
        "<a href=wide.html#top>x</a><pre style='overflow-x: auto'><p style='width: 900px'>x</p></pre>",
    );
    page("wide.html", "<p style='width: 900px'>x</p>");
    page("cut.html", "<style>html { overflow-x: hidden }</style><p style='width: 900px'>x</p>");
    page("image.html", "<img src=no.svg>");
    page("link.html", "<a href=no.html>x</a>");
    page("anchor.html", "<a href=good.html#no>x</a>");
    page("hidden.html", "<pre><span class=boring>x</span></pre>");
    let names = ["good", "wide", "cut", "image", "link", "anchor", "hidden", "none"];
    let report = report(host.dir.clone(), &names.map(|name| format!("/{name}.html")));
    let faults = faults(&report);
    let count =
        |name: &str| faults.iter().filter(|fault| fault.starts_with(&format!("/{name}.html"))).count();
    assert_eq!(
        names.map(|name| count(name) > 0),
        [false, true, true, true, true, true, true, true],
        "{faults:#?}"
    );
}
