//! A terminal as a person has it: a pseudoterminal, seen from its master.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{Host, PROGRAM, Supervisor, images};

/// What a person sits at. Whatever waits for it reads it and types into it meanwhile, so that nothing blocks.
pub struct Pty {
    master: File,
    slave: File,
    /// What is to be typed still.
    typed: Vec<u8>,
    /// What was shown, but for what has been looked for already.
    pub shown: Vec<u8>,
}

impl Pty {
    /// A terminal of 24 rows and 80 columns.
    pub fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        unlockpt(&master).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = File::from(ioctl_tiocgptpeer(&master, flags).unwrap());
        fcntl_setfl(&master, fcntl_getfl(&master).unwrap() | OFlags::NONBLOCK).unwrap();
        let pty = Self { master: File::from(master), slave, typed: Vec::new(), shown: Vec::new() };
        pty.resize(24, 80);
        pty
    }

    /// What leads to it.
    pub fn stdio(&self) -> Stdio {
        self.slave.try_clone().unwrap().into()
    }

    /// `PROGRAM ARGS` in a session of its own, which has this terminal, after `change` has changed something.
    pub fn start_with(
        &self,
        host: &Host,
        args: &[&str],
        change: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Supervisor {
        let mut command = Command::new("setsid"); // It does not fork here, for it leads no process group.
        command.arg("--ctty").args(args).current_dir(super::ROOT);
        command.stdin(self.stdio()).stdout(self.stdio()).stderr(self.stdio());
        command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
        command.env("CONTAINER", PROGRAM).env("TERM", "xterm").env("PS1", "outside> ").env("ID", &host.id);
        Supervisor(change(&mut command).spawn().unwrap())
    }

    /// `container OPTIONS ID IMAGE CMD` in a session of its own, which has this terminal.
    pub fn start(&self, host: &Host, options: &[&str], image: &str, command: &[&str]) -> Supervisor {
        let args = [&[PROGRAM], options, &[&*host.id, image], command].concat();
        self.start_with(host, &args, |command| command)
    }

    /// A shell as people have it, with `$CONTAINER` and `$ID`.
    pub fn start_shell(&mut self, host: &Host) -> Supervisor {
        let shell = self.start_with(host, &["bash", "--norc", "--noprofile", "--noediting", "-i"], |c| c);
        self.expect("outside> ");
        shell
    }

    /// Types it, as far as there is room; waiting for something types the rest.
    pub fn type_in(&mut self, keys: impl AsRef<[u8]>) {
        self.typed.extend_from_slice(keys.as_ref());
        self.carry(Duration::ZERO);
    }

    /// Waits until something has been shown, and forgets it and what came before; returns what came before.
    #[track_caller]
    pub fn expect(&mut self, what: &str) -> String {
        let is_there = |shown: &[u8]| shown.windows(what.len()).position(|window| window == what.as_bytes());
        self.wait(what, |pty| is_there(&pty.shown).is_some());
        let end = is_there(&self.shown).unwrap();
        let before: Vec<u8> = self.shown.drain(..end + what.len()).take(end).collect();
        String::from_utf8_lossy(&before).into_owned()
    }

    /// Waits until something is so, and reads and types meanwhile.
    #[track_caller]
    pub fn wait(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            let shown = String::from_utf8_lossy(&self.shown[self.shown.len().saturating_sub(2000)..]);
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "not within 20 seconds: {what}; shown: {shown}"
            );
            self.carry(Duration::from_millis(10));
        }
    }

    /// Waits until a program has ended, and returns its status.
    #[track_caller]
    pub fn end(&mut self, supervisor: &mut Supervisor) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = supervisor.0.try_wait().unwrap() {
                self.carry(Duration::ZERO);
                return status.code();
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "it does not end; shown: {}", self.text());
            self.carry(Duration::from_millis(10));
        }
    }

    /// What was shown and not looked for.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Reads and types what is possible, after a while at the latest.
    fn carry(&mut self, patience: Duration) {
        let wishes = if self.typed.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut rows = [PollFd::new(&self.master, wishes)];
        poll(&mut rows, Some(&Timespec::try_from(patience).unwrap())).unwrap();
        if let Ok(len) = self.master.write(&self.typed) {
            self.typed.drain(..len);
        }
        let mut buffer = [0; 65536];
        while let Ok(len @ 1..) = self.master.read(&mut buffer) {
            self.shown.extend_from_slice(&buffer[..len]);
        }
    }

    /// The modes, for comparison.
    pub fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.slave).unwrap())
    }

    /// Whether it echoes, makes lines and makes signals: whether it is as a shell leaves it to a program.
    pub fn is_raw(&self) -> bool {
        use rustix::termios::LocalModes;
        !tcgetattr(&self.slave).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ISIG)
    }

    /// As a person that draws at the corner of the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.slave, size).unwrap();
    }
}
