#pragma once

#include <stdint.h>

/// How a program is started and watched; the two sides of the pipes between admix and its launcher.
///
/// Both pipes carry records: a kind and a length, 32 bits each in the machine's order, then so many
/// bytes.

/// What admix tells the launcher.
enum AdmixLaunchOrder {
  /// The request is complete.
  ADMIX_LAUNCH_GO = 0,
  /// The absolute path that is executed.
  ADMIX_LAUNCH_PROGRAM = 1,
  /// One argument, the zeroth included.
  ADMIX_LAUNCH_ARGUMENT = 2,
  /// NAME=value; there is nothing else in the environment.
  ADMIX_LAUNCH_ENVIRONMENT = 3,
  /// Where it starts.
  ADMIX_LAUNCH_FOLDER = 4,
  /// A file or a folder that may be read and executed.
  ADMIX_LAUNCH_READABLE = 5,
  /// A file or a folder that may be written as well.
  ADMIX_LAUNCH_WRITABLE = 6,
  /// A struct AdmixLaunchLimits.
  ADMIX_LAUNCH_LIMITS = 7,
  /// A folder whose names may be listed, and those of the folders below.
  ADMIX_LAUNCH_LISTABLE = 8,
};

enum AdmixLaunchFlags {
  /// Reading and writing is limited by Landlock, as far as the kernel has it.
  ADMIX_LAUNCH_CONFINED = 1,
  /// What is refused is reported, by seccomp's notifications.
  ADMIX_LAUNCH_WATCHED = 2,
  ADMIX_LAUNCH_NETWORK = 4,
};

/// 0 is no limit.
struct AdmixLaunchLimits {
  uint32_t flags;
  /// How long after SIGTERM comes SIGKILL.
  uint32_t graceMilliseconds;
  /// Of memory that the processes have to themselves, together.
  uint64_t memory;
  uint64_t processes;
  /// Of one file.
  uint64_t fileBytes;
  uint64_t openFiles;
  /// Descriptors from 5 on that the program keeps.
  uint64_t keptDescriptors;
};

/// What the launcher tells admix.
enum AdmixLaunchNews {
  /// A struct AdmixLaunchStart: the program is about to be executed.
  ADMIX_LAUNCH_STARTED = 1,
  /// One letter of AdmixLaunchDenial, then a path.
  ADMIX_LAUNCH_DENIED = 2,
  /// A struct AdmixLaunchEnd: everything that was started is gone.
  ADMIX_LAUNCH_ENDED = 3,
  /// An errno in 32 bits, then the name of what did not work.
  ADMIX_LAUNCH_FAILED = 4,
};

enum AdmixLaunchDenial {
  ADMIX_DENIED_READ = 'r',
  ADMIX_DENIED_WRITE = 'w',
  ADMIX_DENIED_EXECUTE = 'x',
  /// A folder listed, a device or a socket opened.
  ADMIX_DENIED_OTHER = 'o',
  ADMIX_DENIED_NETWORK = 'n',
};

struct AdmixLaunchStart {
  /// The version of Landlock that is at work; 0: none.
  int32_t landlock;
  /// Whether what is refused is seen.
  int32_t isWatched;
  /// Whether the network is closed: 0 not, 1 to TCP alone, 2 to everything.
  int32_t networkClosed;
};

enum AdmixLaunchCause {
  ADMIX_ENDED_ITSELF = 0,
  ADMIX_ENDED_MEMORY = 1,
  ADMIX_ENDED_PROCESSES = 2,
  /// Admix asked for it.
  ADMIX_ENDED_ASKED = 3,
};

struct AdmixLaunchEnd {
  /// As waitpid gives it.
  int32_t status;
  int32_t cause;
};

/// The byte by which admix asks the launcher to end the program; the pipe's end ends it at once.
static const uint8_t ADMIX_LAUNCH_TERMINATE = 0x54;

/// A pipe whose ends are closed on exec from the start; 0, or -1 with errno.
int32_t admix_pipe(int32_t ends[2]);

/// The version of Landlock in this kernel; 0 where there is none.
int32_t admix_landlock_version(void);

/// Runs the launcher: reads a request, runs the program, tells how it went. Returns an exit status.
///
/// For a process that was started for this alone.
int32_t admix_launch(int32_t request, int32_t status);
