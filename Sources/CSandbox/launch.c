#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// MARK: The pipes

int32_t admix_pipe(int32_t ends[2]) { return pipe2(ends, O_CLOEXEC); }

static int read_all(int file, void *buffer, size_t length) {
  char *place = buffer;
  while (length > 0) {
    ssize_t count = read(file, place, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    place += count;
    length -= (size_t)count;
  }
  return 1;
}

static void write_all(int file, const void *buffer, size_t length) {
  const char *place = buffer;
  while (length > 0) {
    ssize_t count = write(file, place, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    place += count;
    length -= (size_t)count;
  }
}

void tell(int status, uint32_t kind, const void *head, size_t headLength, const char *text) {
  size_t textLength = text ? strlen(text) : 0;
  uint32_t lengths[2] = {kind, (uint32_t)(headLength + textLength)};
  char record[8 + 64 + 4096];
  if (headLength > 64) return;
  if (textLength > 4096) {
    textLength = 4096;
    lengths[1] = (uint32_t)(headLength + textLength);
  }
  // In one go: whoever reads never sees half of it.
  memcpy(record, lengths, 8);
  memcpy(record + 8, head, headLength);
  if (textLength > 0) memcpy(record + 8 + headLength, text, textLength);
  write_all(status, record, 8 + headLength + textLength);
}

static void tell_failure(int status, int reason, const char *what) {
  int32_t number = reason;
  tell(status, ADMIX_LAUNCH_FAILED, &number, sizeof number, what);
}

static int append(char ***list, size_t *count, char *text) {
  char **more = realloc(*list, (*count + 2) * sizeof *more);
  if (!more) return 0;
  more[(*count)++] = text;
  more[*count] = NULL;
  *list = more;
  return 1;
}

static int read_request(int file, struct Request *request) {
  for (;;) {
    uint32_t head[2];
    if (!read_all(file, head, sizeof head) || head[1] > (1u << 24)) return 0;
    char *text = malloc(head[1] + 1);
    if (!text || !read_all(file, text, head[1])) return 0;
    text[head[1]] = 0;
    switch (head[0]) {
    case ADMIX_LAUNCH_GO: return request->program && request->argumentCount > 0;
    case ADMIX_LAUNCH_PROGRAM: request->program = text; break;
    case ADMIX_LAUNCH_ARGUMENT:
      if (!append(&request->arguments, &request->argumentCount, text)) return 0;
      break;
    case ADMIX_LAUNCH_ENVIRONMENT:
      if (!append(&request->environment, &request->environmentCount, text)) return 0;
      break;
    case ADMIX_LAUNCH_FOLDER: request->folder = text; break;
    case ADMIX_LAUNCH_LISTABLE:
    case ADMIX_LAUNCH_READABLE:
    case ADMIX_LAUNCH_WRITABLE: {
      struct Rule *more = realloc(request->rules, (request->ruleCount + 1) * sizeof *more);
      if (!more) return 0;
      request->rules = more;
      more[request->ruleCount++] = (struct Rule){
          .path = text,
          .real = realpath(text, NULL),
          .isWritable = head[0] == ADMIX_LAUNCH_WRITABLE,
          .isListable = head[0] == ADMIX_LAUNCH_LISTABLE};
      break;
    }
    case ADMIX_LAUNCH_LIMITS:
      if (head[1] != sizeof request->limits) return 0;
      memcpy(&request->limits, text, sizeof request->limits);
      break;
    default: return 0;
    }
  }
}

// MARK: The program's side

static void limit(int which, uint64_t value) {
  struct rlimit wanted = {value, value}, now;
  if (getrlimit(which, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < value) {
    wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
  }
  setrlimit(which, &wanted);
}

/// What the program's side says before it executes the program; the listener's descriptor comes along.
struct Handshake {
  struct AdmixLaunchStart start;
  int32_t reason;
  char what[60];
};

static void shake(int channel, struct Handshake *hands, int listener) {
  struct iovec part = {hands, sizeof *hands};
  union {
    char space[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (listener >= 0) {
    message.msg_control = control.space;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &listener, sizeof(int));
  }
  while (sendmsg(channel, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

static _Noreturn void give_up(int channel, struct Handshake *hands, const char *what) {
  hands->reason = errno;
  snprintf(hands->what, sizeof hands->what, "%s", what);
  shake(channel, hands, -1);
  _exit(127);
}

/// Restricts itself and becomes the program. Only calls that are safe after fork.
static _Noreturn void become(const struct Request *request, int channel) {
  struct Handshake hands = {0};
  const struct AdmixLaunchLimits *limits = &request->limits;
  // The launcher's main thread is the parent, and it lives as long as the launcher: the signal cannot
  // come early.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A group of its own, so that a program that signals its group does not end the launcher.
  setpgid(0, 0);
  // Admix ignores signals that a program may need; what is ignored stays so across exec.
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (request->folder && chdir(request->folder) != 0) give_up(channel, &hands, "chdir");
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    // Rather the program than admix.
    write_all(score, "300", 3);
    close(score);
  }
  umask(022);
  limit(RLIMIT_CORE, 0);
  if (limits->fileBytes) limit(RLIMIT_FSIZE, limits->fileBytes);
  if (limits->openFiles) limit(RLIMIT_NOFILE, limits->openFiles);
  // What a process asks for is more than what it uses: what it uses is looked at while it runs, and this
  // stops what would be too much before anyone looks.
  if (limits->memory) limit(RLIMIT_DATA, 2 * limits->memory);
  // Close what is not the program's when it is executed; the channel is needed until then.
  syscall(__NR_close_range, 3, 4, 4);
  syscall(__NR_close_range, (unsigned)(5 + limits->keptDescriptors), ~0u, 4);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(channel, &hands, "no_new_privs");
  int closesTCP = 0;
  if (limits->flags & ADMIX_LAUNCH_CONFINED) {
    int version = landlock_confine(request, &closesTCP);
    if (version < 0) give_up(channel, &hands, "Landlock");
    hands.start.landlock = version;
  }
  hands.start.networkClosed = closesTCP;
  int listener = -1;
  if (limits->flags & ADMIX_LAUNCH_WATCHED) {
    int closed = 0;
    listener = watch_install(!(limits->flags & ADMIX_LAUNCH_NETWORK), &closed);
    hands.start.isWatched = listener >= 0;
    if (closed) hands.start.networkClosed = 2;
  }
  shake(channel, &hands, listener);
  if (listener >= 0) close(listener);
  execve(request->program, request->arguments, request->environment);
  // The launcher has been told that all is well: this is the second message.
  give_up(channel, &hands, "execve");
}

// MARK: The launcher's side

static uint64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void wake(int number) { (void)number; }

/// False at the end of the channel.
static int take_handshake(int channel, struct Handshake *hands, int *listener) {
  struct iovec part = {hands, sizeof *hands};
  union {
    char space[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.space,
      .msg_controllen = sizeof control.space};
  ssize_t count;
  do count = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR);
  if (count != (ssize_t)sizeof *hands) return 0;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head && head->cmsg_type == SCM_RIGHTS) memcpy(listener, CMSG_DATA(head), sizeof(int));
  return 1;
}

/// Tells admix what the program's side said; false at the end of the channel.
static int pass_on(int channel, struct Watch *watch, int *hasFailed) {
  struct Handshake hands;
  if (!take_handshake(channel, &hands, &watch->listener)) return 0;
  if (hands.reason == 0) {
    watch->start = hands.start;
    tell(watch->status, ADMIX_LAUNCH_STARTED, &hands.start, sizeof hands.start, NULL);
  } else {
    *hasFailed = 1;
    tell_failure(watch->status, hands.reason, hands.what);
  }
  return 1;
}

int32_t admix_launch(int32_t control, int32_t status) {
  static struct Request request;
  if (fcntl(control, F_GETFD) < 0 || fcntl(status, F_GETFD) < 0) return 64;
  fcntl(control, F_SETFD, FD_CLOEXEC);
  fcntl(status, F_SETFD, FD_CLOEXEC);
  signal(SIGPIPE, SIG_IGN);
  // A session of its own: what a terminal sends to the run's group does not reach it.
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  prctl(PR_SET_NAME, "admix-launch");
  if (!read_request(control, &request)) {
    tell_failure(status, EINVAL, "request");
    return 65;
  }
  if (!request.environment) request.environment = calloc(1, sizeof(char *));

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int signalled = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  int channel[2];
  if (signalled < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
    tell_failure(status, errno, "socketpair");
    return 66;
  }
  pid_t program = fork();
  if (program < 0) {
    tell_failure(status, errno, "fork");
    return 67;
  }
  if (program == 0) become(&request, channel[1]);
  close(channel[1]);
  // Its streams are the program's alone: their end is the end of the last that holds them.
  for (int stream = 0; stream <= 2; stream++) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) {
      dup2(nothing, stream);
      close(nothing);
    }
  }
  for (uint64_t kept = 0; kept < request.limits.keptDescriptors; kept++) close((int)(5 + kept));

  // Whatever might block is woken now and then.
  struct sigaction alarm = {.sa_handler = wake};
  sigaction(SIGALRM, &alarm, NULL);
  struct itimerval beat = {{0, 500000}, {0, 500000}};
  setitimer(ITIMER_REAL, &beat, NULL);

  struct Watch watch = {.request = &request, .listener = -1, .status = status};
  struct AdmixLaunchEnd end = {0, ADMIX_ENDED_ITSELF};
  const struct AdmixLaunchLimits *limits = &request.limits;
  int hasEnded = 0, hasFailed = 0;
  uint64_t killAt = 0, checkAt = now_ms() + 20;
  int channelIsOpen = 1;
  while (!hasEnded) {
    struct pollfd polled[4] = {
        {control, POLLIN, 0},
        {signalled, POLLIN, 0},
        {channelIsOpen ? channel[0] : -1, POLLIN, 0},
        {watch.listener, POLLIN, 0},
    };
    int isLimited = limits->memory || limits->processes;
    int patience = killAt ? 20 : isLimited ? 50 : 1000;
    if (poll(polled, 4, patience) < 0 && errno != EINTR) break;
    if (polled[3].revents & POLLIN) watch_answer(&watch);
    else if (polled[3].revents) {
      close(watch.listener);
      watch.listener = -1;
    }
    if (polled[2].revents) {
      channelIsOpen = pass_on(channel[0], &watch, &hasFailed);
    }
    if (polled[0].revents) {
      uint8_t order;
      ssize_t count = read(control, &order, 1);
      if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
        // Admix is gone, and nobody is left who wants what this would give.
        tree_kill();
        return 68;
      }
      if (count == 1 && order == ADMIX_LAUNCH_TERMINATE && !killAt) {
        end.cause = ADMIX_ENDED_ASKED;
        killAt = now_ms() + limits->graceMilliseconds + 1;
      }
      if (killAt) {
        static pid_t pids[1 << 15];
        size_t known = tree_list(pids, sizeof pids / sizeof *pids);
        for (size_t index = 0; index < known; index++) kill(pids[index], SIGTERM);
      }
    }
    struct signalfd_siginfo arrived;
    while (read(signalled, &arrived, sizeof arrived) == (ssize_t)sizeof arrived) {
      if (arrived.ssi_signo != SIGCHLD && !killAt) {
        end.cause = ADMIX_ENDED_ASKED;
        killAt = now_ms();
      }
    }
    int code;
    pid_t pid;
    while ((pid = waitpid(-1, &code, WNOHANG)) > 0) {
      if (pid == program) {
        end.status = code;
        hasEnded = 1;
      }
    }
    uint64_t time = now_ms();
    if (killAt && time >= killAt) break;
    if (isLimited && time >= checkAt && !hasEnded) {
      static pid_t pids[1 << 15];
      size_t known = tree_list(pids, sizeof pids / sizeof *pids);
      if (limits->processes && known > limits->processes) end.cause = ADMIX_ENDED_PROCESSES;
      if (limits->memory && tree_memory(pids, known) > limits->memory) {
        end.cause = ADMIX_ENDED_MEMORY;
      }
      if (end.cause == ADMIX_ENDED_PROCESSES || end.cause == ADMIX_ENDED_MEMORY) break;
      // At most a twentieth of the time is spent on looking.
      checkAt = now_ms() + 20 + 20 * (now_ms() - time);
    }
  }
  // What the program left behind goes with it; nothing may write once admix looks at the outputs.
  tree_kill();
  while (channelIsOpen) channelIsOpen = pass_on(channel[0], &watch, &hasFailed);
  if (!hasFailed) tell(status, ADMIX_LAUNCH_ENDED, &end, sizeof end, NULL);
  return 0;
}
