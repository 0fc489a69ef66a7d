/* What the kernel alone needs for a container: one thing is added after another, and each sum is timed.
 *
 * It is C, and calls the kernel through nothing but libc's wrappers, so that no runtime is involved. It works in a mount
 * namespace of its own and takes away the directories that it makes. To run it by hand, as root:
 *
 *     make target/floor
 *     target/floor IMAGE DISK MEMORY ./container ROUNDS RUNS PROCESSES
 *
 * IMAGE is the directory of an image with /bin/busybox. DISK and MEMORY are new directories, one on the disk and one on a
 * tmpfs. It prints JSON: for each row its rounds of samples in microseconds, or why it failed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VFORK (CLONE_VM | CLONE_VFORK)
#define BOTH (CLONE_NEWNS | CLONE_NEWPID)

/* A letter is a step of the child: see `step`. */
static const struct { const char *name; int flags; const char *steps; } ROWS[] = {
    { "fork", 0, "" },
    { "vfork", VFORK, "" },
    { "pid", VFORK | CLONE_NEWPID, "" },
    { "mnt", VFORK | CLONE_NEWNS, "" },
    { "both", VFORK | BOTH, "" },
    { "private", VFORK | BOTH, "p" },
    { "overlay-synced", VFORK | BOTH, "ps" },
    { "overlay", VFORK | BOTH, "po" },
    { "overlay-memory", VFORK | BOTH, "pm" },
    { "overlay-fsopen", VFORK | BOTH, "pf" },
    { "pivot", VFORK | BOTH, "pov" },
    { "detach", VFORK | BOTH, "povu" },
    { "proc", VFORK | BOTH, "povur" },
    { "exec", VFORK | BOTH, "povurx" },
    { "exec-fork", BOTH, "povurx" },
    { "exec-synced", VFORK | BOTH, "psvurx" },
    { "exec-memory", VFORK | BOTH, "pmvurx" },
    { "chroot", VFORK, "cx" },
    { "version", VFORK, "V" },
    { "bare", VFORK, "B" },
    { "container", VFORK, "C" },
    { "pivot-alone", VFORK | BOTH, "pov" }, /* The last: of it only the call itself is timed. */
};
enum { COUNT = sizeof ROWS / sizeof *ROWS, ALONE = COUNT - 1 };

static const char *image, *program;
static char merged[2][300], upper[2][300], work[2][300], options[3][1200]; /* 0: disk, 1: memory; 2: disk, volatile */
static char stack[1 << 16] __attribute__((aligned(16)));
static struct { double pivot; char why[200]; } *note; /* What a child has to say, also one with a memory of its own. */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* Ends the child with a reason, if a call has failed. */
static void check(int result, const char *call)
{
    if (result >= 0)
        return;
    snprintf(note->why, sizeof note->why, "%s: %s", call, strerror(errno));
    _exit(1);
}

static void become(const char *path, char *const words[])
{
    check(dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1), "dup2"); /* What `container --version` prints. */
    check(execve(path, words, environ), "execve");
}

/* The same overlay as `mount` makes, by the calls that are meant to replace it. */
static void mount_by_fsopen(void)
{
    int filesystem = syscall(SYS_fsopen, "overlay", 0);
    check(filesystem, "fsopen");
    char *const set[] = { "lowerdir", (char *)image, "upperdir", upper[0], "workdir", work[0] };
    for (int i = 0; i < 6; i += 2)
        check(syscall(SYS_fsconfig, filesystem, 1 /* FSCONFIG_SET_STRING */, set[i], set[i + 1], 0), "fsconfig");
    check(syscall(SYS_fsconfig, filesystem, 0 /* FSCONFIG_SET_FLAG */, "volatile", NULL, 0), "fsconfig volatile");
    check(syscall(SYS_fsconfig, filesystem, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0), "fsconfig create");
    int mounted = syscall(SYS_fsmount, filesystem, 0, 0);
    check(mounted, "fsmount");
    check(syscall(SYS_move_mount, mounted, "", AT_FDCWD, merged[0], 4 /* MOVE_MOUNT_F_EMPTY_PATH */), "move_mount");
}

static void mount_overlay(int place, int which)
{
    check(mount("overlay", merged[place], "overlay", 0, options[which]), "mount overlay");
    check(chdir(merged[place]), "chdir");
}

static void pivot(void)
{
    double begun = now();
    check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    note->pivot = now() - begun;
}

static void step(char letter)
{
    switch (letter) {
    case 'p': return check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount private");
    case 's': return mount_overlay(0, 0);
    case 'm': return mount_overlay(1, 1);
    case 'o': return mount_overlay(0, 2);
    case 'f': return mount_by_fsopen();
    case 'v': return pivot();
    case 'u': return check(umount2(".", MNT_DETACH), "umount2");
    case 'r': return check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount proc");
    case 'c': return check(chdir(image) | chroot("."), "chroot");
    case 'x': return check(execve("/bin/busybox", (char *[]){ "true", NULL }, environ), "execve /bin/busybox");
    case 'V': return become(program, (char *[]){ "container", "--version", NULL });
    case 'B': return become(program, (char *[]){ "container", "--bare", "floor", "alpine", "true", NULL });
    case 'C': return become(program, (char *[]){ "container", "floor", "alpine", "true", NULL });
    }
}

static int child(void *steps)
{
    for (const char *letter = steps; *letter; letter++)
        step(*letter);
    _exit(0);
}

/* The mark of a volatile overlay, with which the next mount would be refused. */
static void remove_mark(void)
{
    char path[400];
    const char *const parts[] = { "incompat/volatile/dirty", "incompat/volatile", "incompat" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/work/%s", work[0], parts[i]);
        remove(path);
    }
}

/* One sample, or a negative number and the reason in the note. */
static double sample(int row)
{
    int status = 0;
    remove_mark();
    *note->why = 0;
    double begun = now();
    int pid = clone(child, stack + sizeof stack, SIGCHLD | ROWS[row].flags, (void *)ROWS[row].steps);
    if (pid < 0) {
        snprintf(note->why, sizeof note->why, "clone: %s", strerror(errno));
        return -1;
    }
    waitpid(pid, &status, 0);
    double took = now() - begun;
    if (status && !*note->why)
        snprintf(note->why, sizeof note->why, "ended with status %#x", status);
    return status ? -1 : row == ALONE ? note->pivot : took;
}

/* Makes the three directories of an overlay, or removes them. */
static void directories(int place, const char *directory, int make)
{
    snprintf(upper[place], sizeof *upper, "%s/upper", directory);
    snprintf(work[place], sizeof *work, "%s/work", directory);
    snprintf(merged[place], sizeof *merged, "%s/merged", directory);
    const char *const all[] = { upper[place], work[place], merged[place] };
    char inner[400];
    snprintf(inner, sizeof inner, "%s/work", work[place]);
    if (!make)
        rmdir(inner);
    for (int i = 0; i < 3; i++)
        if (make ? mkdir(all[i], 0755) : rmdir(all[i]))
            perror(all[i]);
    for (int which = place; which < 3; which += 2)
        snprintf(options[which], sizeof *options, "lowerdir=%s,upperdir=%s,workdir=%s%s", image, upper[place],
                 work[place], which == 2 ? ",volatile" : "");
}

/* Processes that only sleep; without any, those of before are ended. */
static void population(int *pids, int count, int is_begin)
{
    for (int i = 0; i < count; i++) {
        if (!is_begin)
            kill(pids[i], SIGKILL);
        else if (!(pids[i] = fork())) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
    }
    for (int i = 0; !is_begin && i < count; i++)
        waitpid(pids[i], NULL, 0);
}

static void print_rounds(const double *samples, int rounds, int runs, const char *level)
{
    printf("\"%s\": [", level);
    for (int i = 0; i < rounds * runs; i++)
        printf("%s%.1f%s", i % runs ? ", " : "[", samples[i], (i + 1) % runs ? "" : i + 1 < rounds * runs ? "], " : "]");
    printf("]");
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: floor IMAGE DISK MEMORY CONTAINER ROUNDS RUNS PROCESSES\n");
        return 2;
    }
    image = argv[1], program = argv[4];
    int rounds = atoi(argv[5]), runs = atoi(argv[6]), processes = atoi(argv[7]), all = rounds * runs;
    note = mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double *samples = calloc((COUNT + 1) * all, sizeof *samples);
    int *pids = calloc(processes, sizeof *pids);
    char failed[COUNT][200] = { 0 };
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
        perror("a mount namespace");
        return 1;
    }
    directories(0, argv[2], 1);
    directories(1, argv[3], 1);
    /* What slows the machine down for a while slows all rows down: each round has them all, up or down. In what would be one
     * row more, the last is measured again among many processes. */
    for (int round = 0; round < rounds; round++)
        for (int turn = 0; turn <= COUNT; turn++) {
            int place = turn == COUNT || round % 2 == 0 ? turn : ALONE - turn, row = place < COUNT ? place : ALONE;
            if (place == COUNT)
                population(pids, processes, 1);
            for (int run = -1; run < runs && !*failed[row]; run++) { /* The first does not count. */
                double took = sample(row);
                if (took < 0)
                    strcpy(failed[row], note->why);
                else if (run >= 0)
                    samples[(place * rounds + round) * runs + run] = took;
            }
            if (place == COUNT)
                population(pids, processes, 0);
        }
    remove_mark();
    directories(0, argv[2], 0);
    directories(1, argv[3], 0);
    for (int row = 0; row < COUNT; row++) {
        printf("%s\"%s\": {", row ? ",\n " : "{", ROWS[row].name);
        if (*failed[row])
            printf("\"failed\": \"%s\"", failed[row]);
        else
            print_rounds(samples + row * all, rounds, runs, row == ALONE ? "0" : "1");
        if (row == ALONE && !*failed[row]) {
            printf(", ");
            print_rounds(samples + COUNT * all, rounds, runs, argv[7]);
        }
        printf("}");
    }
    printf("}\n");
    return 0;
}
