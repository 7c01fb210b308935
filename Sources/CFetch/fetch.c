#include "admix_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "curl_library.h"

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
    admix_curl.getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
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
  if (!admix_curl_open()) {
    result->outcome = ADMIX_FETCH_NO_LIBRARY;
    snprintf(result->text, sizeof result->text, "%s", admix_curl_error());
    return;
  }
  FILE *file = fopen(path, from > 0 ? "abe" : "wbe");
  CURL *handle = file ? admix_curl.init() : NULL;
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
  admix_curl.setopt(handle, CURLOPT_URL, url);
  admix_curl.setopt(handle, CURLOPT_ERRORBUFFER, error);
  admix_curl.setopt(handle, CURLOPT_USERAGENT, "admix");
  admix_curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
  admix_curl.setopt(handle, CURLOPT_FAILONERROR, 1L);
  admix_curl.setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  admix_curl.setopt(handle, CURLOPT_MAXREDIRS, 10L);
#if LIBCURL_VERSION_NUM >= 0x075500
  admix_curl.setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,file");
  admix_curl.setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  admix_curl.setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
  admix_curl.setopt(handle, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  admix_curl.setopt(handle, CURLOPT_CONNECTTIMEOUT, 30L);
  // A transfer that stands still for a minute is given up; a slow one is not.
  admix_curl.setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  admix_curl.setopt(handle, CURLOPT_LOW_SPEED_TIME, 60L);
  admix_curl.setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  admix_curl.setopt(handle, CURLOPT_HEADERDATA, &transfer);
  admix_curl.setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  admix_curl.setopt(handle, CURLOPT_WRITEDATA, &transfer);
  admix_curl.setopt(handle, CURLOPT_NOPROGRESS, 0L);
  admix_curl.setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  admix_curl.setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  char range[32];
  if (from > 0) {
    snprintf(range, sizeof range, "%lld-", (long long)from);
    admix_curl.setopt(handle, CURLOPT_RANGE, range);
  }

  CURLcode code = admix_curl.perform(handle);
  long status = 0;
  admix_curl.getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  result->status = (int32_t)status;
  admix_curl.cleanup(handle);
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
    snprintf(result->text, sizeof result->text, "%s", error[0] ? error : admix_curl.strerror(code));
  }
}
