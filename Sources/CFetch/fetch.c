#include "admix_fetch.h"

// The compile-time checks of curl.h look at direct calls only; ours go through pointers.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

// libcurl is opened on first use: most runs fetch nothing, and its TLS library is slow to load.
static struct {
  CURLcode (*global_init)(long);
  CURL *(*init)(void);
  CURLcode (*setopt)(CURL *, CURLoption, ...);
  CURLcode (*perform)(CURL *);
  CURLcode (*getinfo)(CURL *, CURLINFO, ...);
  void (*cleanup)(CURL *);
  const char *(*strerror)(CURLcode);
} curl;
static int is_open;
static char open_error[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(open_error, sizeof open_error, "%s", dlerror());
    return;
  }
  curl.global_init = (CURLcode(*)(long))dlsym(library, "curl_global_init");
  curl.init = (CURL * (*)(void)) dlsym(library, "curl_easy_init");
  curl.setopt = (CURLcode(*)(CURL *, CURLoption, ...))dlsym(library, "curl_easy_setopt");
  curl.perform = (CURLcode(*)(CURL *))dlsym(library, "curl_easy_perform");
  curl.getinfo = (CURLcode(*)(CURL *, CURLINFO, ...))dlsym(library, "curl_easy_getinfo");
  curl.cleanup = (void (*)(CURL *))dlsym(library, "curl_easy_cleanup");
  curl.strerror = (const char *(*)(CURLcode))dlsym(library, "curl_easy_strerror");
  if (!curl.global_init || !curl.init || !curl.setopt || !curl.perform || !curl.getinfo ||
      !curl.cleanup || !curl.strerror) {
    snprintf(open_error, sizeof open_error, "libcurl.so.4 lacks a function");
    return;
  }
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    snprintf(open_error, sizeof open_error, "libcurl does not start");
    return;
  }
  is_open = 1;
}

struct transfer {
  CURL *handle;
  FILE *file;
  int64_t from;
  int64_t received;
  /// Where the server says that its bytes begin; -1 where it does not say.
  int64_t range_start;
  int checked;
  int file_error;
  int wrong_range;
  int stopped;
  AdmixFetchProgress progress;
  void *context;
  struct AdmixFetchResult *result;
};

static size_t on_header(char *line, size_t size, size_t count, void *data) {
  struct transfer *transfer = data;
  static const char name[] = "content-range:";
  size_t length = size * count;
  char copy[128];
  if (length > sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
    size_t kept = length < sizeof copy - 1 ? length : sizeof copy - 1;
    memcpy(copy, line, kept);
    copy[kept] = 0;
    long long start;
    if (sscanf(copy + sizeof name - 1, " bytes %lld-", &start) == 1) transfer->range_start = start;
  }
  return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data) {
  struct transfer *transfer = data;
  size_t length = size * count;
  if (!transfer->checked) {
    transfer->checked = 1;
    long status = 0;
    curl.getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->from > 0 && status == 200) {
      // The server does not know ranges and sends everything from the start.
      if (fflush(transfer->file) != 0 || ftruncate(fileno(transfer->file), 0) != 0) {
        transfer->file_error = errno;
        return 0;
      }
      transfer->from = 0;
      transfer->result->restarted = 1;
    } else if (status == 206 && transfer->range_start >= 0 &&
               transfer->range_start != transfer->from) {
      transfer->wrong_range = 1;
      return 0;
    }
  }
  if (fwrite(bytes, 1, length, transfer->file) != length) {
    transfer->file_error = errno ? errno : EIO;
    return 0;
  }
  transfer->received += (int64_t)length;
  return length;
}

static int on_progress(
    void *data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  (void)up_total;
  (void)up_now;
  struct transfer *transfer = data;
  int64_t whole = total > 0 ? total + transfer->from : 0;
  if (transfer->progress(transfer->context, now + transfer->from, whole)) {
    transfer->stopped = 1;
    return 1;
  }
  return 0;
}

void admix_fetch(
    const char *url, const char *path, int64_t from, AdmixFetchProgress progress, void *context,
    struct AdmixFetchResult *result) {
  memset(result, 0, sizeof *result);
  pthread_once(&once, open_library);
  if (!is_open) {
    result->outcome = ADMIX_FETCH_NO_LIBRARY;
    snprintf(result->text, sizeof result->text, "%s", open_error);
    return;
  }
  FILE *file = fopen(path, from > 0 ? "abe" : "wbe");
  CURL *handle = file ? curl.init() : NULL;
  if (!handle) {
    result->outcome = file ? ADMIX_FETCH_TRANSPORT : ADMIX_FETCH_FILE;
    snprintf(result->text, sizeof result->text, "%s", file ? "libcurl does not start" : strerror(errno));
    if (file) fclose(file);
    return;
  }
  struct transfer transfer = {
      .handle = handle, .file = file, .from = from, .range_start = -1,
      .progress = progress, .context = context, .result = result};
  char error[CURL_ERROR_SIZE] = "";
  curl.setopt(handle, CURLOPT_URL, url);
  curl.setopt(handle, CURLOPT_ERRORBUFFER, error);
  curl.setopt(handle, CURLOPT_USERAGENT, "admix");
  curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl.setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl.setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl.setopt(handle, CURLOPT_MAXREDIRS, 10L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl.setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl.setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl.setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
  curl.setopt(handle, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl.setopt(handle, CURLOPT_CONNECTTIMEOUT, 30L);
  // A transfer that stands still for a minute is given up; a slow one is not.
  curl.setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl.setopt(handle, CURLOPT_LOW_SPEED_TIME, 60L);
  curl.setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl.setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl.setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl.setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl.setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl.setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl.setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  char range[32];
  if (from > 0) {
    snprintf(range, sizeof range, "%lld-", (long long)from);
    curl.setopt(handle, CURLOPT_RANGE, range);
  }

  CURLcode code = curl.perform(handle);
  long status = 0;
  curl.getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  result->status = (int32_t)status;
  curl.cleanup(handle);
  if (fclose(file) != 0 && !transfer.file_error) transfer.file_error = errno;

  if (transfer.file_error) {
    result->outcome = ADMIX_FETCH_FILE;
    snprintf(result->text, sizeof result->text, "%s", strerror(transfer.file_error));
  } else if (transfer.stopped) {
    result->outcome = ADMIX_FETCH_STOPPED;
  } else if (transfer.wrong_range) {
    result->outcome = ADMIX_FETCH_TRANSPORT;
    snprintf(result->text, sizeof result->text, "the server sent another part than it was asked for");
  } else if (code == CURLE_HTTP_RETURNED_ERROR) {
    result->outcome = ADMIX_FETCH_REFUSED;
    snprintf(result->text, sizeof result->text, "the server answers %ld", status);
  } else if (code != CURLE_OK) {
    result->outcome = ADMIX_FETCH_TRANSPORT;
    snprintf(result->text, sizeof result->text, "%s", error[0] ? error : curl.strerror(code));
  }
}
