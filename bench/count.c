/* Counts the instructions of user space that a run of `container` takes until it becomes the command, by stepping through them
 * one at a time, parent and child. By hand:
 *
 *     make target/count
 *     target/count ./container ID IMAGE true
 *
 * It prints JSON. An instruction with a repeat prefix counts each time that it repeats; `repeated` says how many such there
 * were. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long steps = 0, repeated = 0, before[2] = { 0 }; /* before: where the parent and the child were. */
    int pid, whose, status;
    if (argc < 2 || !(pid = fork())) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[1], argv + 1);
        perror("count");
        return 1;
    }
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    while ((whose = waitpid(-1, &status, __WALL)) > 0) {
        int event = status >> 16, signal = WSTOPSIG(status);
        if (event == PTRACE_EVENT_EXEC) {
            printf("{\"instructions\": %ld, \"repeated\": %ld}\n", steps, repeated);
            kill(pid, SIGKILL);
            return 0;
        }
        if (!WIFSTOPPED(status) && whose == pid)
            break;
        if (!WIFSTOPPED(status))
            continue;
        if (signal == SIGTRAP && !event) {
            struct user_regs_struct registers;
            ptrace(PTRACE_GETREGS, whose, NULL, &registers);
            repeated += before[whose == pid] == (long)registers.rip;
            before[whose == pid] = registers.rip;
            steps++;
        }
        ptrace(PTRACE_SINGLESTEP, whose, NULL, signal == SIGTRAP || signal == SIGSTOP ? 0L : (long)signal);
    }
    fprintf(stderr, "count: it ended before its command began\n");
    return 1;
}
