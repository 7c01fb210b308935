#include "admix_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curl_library.h"

struct AdmixHTTPSession {
  CURL *handle;
  uint8_t *data;
  int64_t length;
  int64_t capacity;
};

/// How much of an error's body is kept: S3 says in the first lines what is wrong.
static const int64_t error_limit = 4096;

struct exchange {
  struct AdmixHTTPSession *session;
  const struct AdmixHTTPRequest *request;
  int sink;
  int source;
  int64_t sent;
  int64_t received;
  int64_t status_known;
  int too_long;
  int file_error;
  int stopped;
};

static int keep(struct AdmixHTTPSession *session, const char *bytes, int64_t length) {
  if (session->length + length > session->capacity) {
    int64_t wanted = session->capacity ? session->capacity * 2 : 16384;
    while (wanted < session->length + length) wanted *= 2;
    uint8_t *larger = realloc(session->data, (size_t)wanted);
    if (!larger) return 0;
    session->data = larger;
    session->capacity = wanted;
  }
  memcpy(session->data + session->length, bytes, (size_t)length);
  session->length += length;
  return 1;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
  struct exchange *exchange = context;
  int64_t length = (int64_t)(size * count);
  if (!exchange->status_known) {
    long status = 0;
    admix_curl.getinfo(exchange->session->handle, CURLINFO_RESPONSE_CODE, &status);
    exchange->status_known = status;
  }
  if (exchange->status_known >= 300) {
    int64_t room = error_limit - exchange->session->length;
    if (room > 0) keep(exchange->session, bytes, length < room ? length : room);
    return (size_t)length;
  }
  if (length > exchange->request->limit - exchange->received) {
    exchange->too_long = 1;
    return 0;
  }
  if (exchange->sink < 0) {
    if (!keep(exchange->session, bytes, length)) return 0;
  } else {
    for (int64_t done = 0; done < length;) {
      ssize_t step = write(exchange->sink, bytes + done, (size_t)(length - done));
      if (step < 0 && errno == EINTR) continue;
      if (step <= 0) {
        exchange->file_error = errno ? errno : EIO;
        return 0;
      }
      done += step;
    }
  }
  exchange->received += length;
  return (size_t)length;
}

static size_t on_send(char *buffer, size_t size, size_t count, void *context) {
  struct exchange *exchange = context;
  int64_t room = (int64_t)(size * count);
  int64_t left = exchange->request->length - exchange->sent;
  int64_t wanted = left < room ? left : room;
  if (wanted <= 0) return 0;
  if (exchange->source < 0) {
    memcpy(buffer, (const char *)exchange->request->body + exchange->sent, (size_t)wanted);
  } else {
    ssize_t step;
    do step = read(exchange->source, buffer, (size_t)wanted);
    while (step < 0 && errno == EINTR);
    if (step <= 0) {
      exchange->file_error = step < 0 ? errno : EIO;
      return CURL_READFUNC_ABORT;
    }
    wanted = step;
  }
  exchange->sent += wanted;
  return (size_t)wanted;
}

/// Goes back to the start of what is sent, when a kept connection turns out to be dead.
static int on_seek(void *context, curl_off_t offset, int origin) {
  struct exchange *exchange = context;
  if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  if (exchange->source >= 0 && lseek(exchange->source, offset, SEEK_SET) != offset) {
    return CURL_SEEKFUNC_FAIL;
  }
  exchange->sent = offset;
  return CURL_SEEKFUNC_OK;
}

static int on_progress(
    void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  (void)total;
  (void)up_total;
  struct exchange *exchange = context;
  if (!exchange->request->progress) return 0;
  if (exchange->request->progress(exchange->request->context, now + up_now)) {
    exchange->stopped = 1;
    return 1;
  }
  return 0;
}

struct AdmixHTTPSession *admix_http_open(char *text, int32_t capacity) {
  if (!admix_curl_open()) {
    snprintf(text, (size_t)capacity, "%s", admix_curl_error());
    return NULL;
  }
  struct AdmixHTTPSession *session = calloc(1, sizeof *session);
  if (session) session->handle = admix_curl.init();
  if (!session || !session->handle) {
    free(session);
    snprintf(text, (size_t)capacity, "libcurl does not start");
    return NULL;
  }
  return session;
}

void admix_http_close(struct AdmixHTTPSession *session) {
  if (!session) return;
  admix_curl.cleanup(session->handle);
  free(session->data);
  free(session);
}

void admix_http_perform(
    struct AdmixHTTPSession *session, const struct AdmixHTTPRequest *request,
    struct AdmixHTTPResult *result) {
  memset(result, 0, sizeof *result);
  result->content_length = -1;
  session->length = 0;
  struct exchange exchange = {.session = session, .request = request, .sink = -1, .source = -1};
  if (request->sink_path) {
    exchange.sink = open(request->sink_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (exchange.sink < 0) exchange.file_error = errno;
  }
  if (!exchange.file_error && !request->body && request->body_path) {
    exchange.source = open(request->body_path, O_RDONLY | O_CLOEXEC);
    if (exchange.source < 0) exchange.file_error = errno;
  }
  struct curl_slist *headers = NULL;
  CURLcode code = CURLE_OK;
  char error[CURL_ERROR_SIZE] = "";
  CURL *handle = session->handle;
  if (!exchange.file_error) {
    admix_curl.reset(handle);
    for (int32_t index = 0; index < request->header_count; ++index) {
      headers = admix_curl.append(headers, request->headers[index]);
    }
    // Without it curl asks first whether it may send, and waits a second where nobody answers that.
    headers = admix_curl.append(headers, "Expect:");
    admix_curl.setopt(handle, CURLOPT_URL, request->url);
    admix_curl.setopt(handle, CURLOPT_ERRORBUFFER, error);
    admix_curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
    admix_curl.setopt(handle, CURLOPT_HTTPHEADER, headers);
    admix_curl.setopt(handle, CURLOPT_PATH_AS_IS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
    admix_curl.setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    admix_curl.setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    admix_curl.setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_milliseconds);
    admix_curl.setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    admix_curl.setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)request->stall_seconds);
    admix_curl.setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    admix_curl.setopt(handle, CURLOPT_WRITEDATA, &exchange);
    admix_curl.setopt(handle, CURLOPT_NOPROGRESS, 0L);
    admix_curl.setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    admix_curl.setopt(handle, CURLOPT_XFERINFODATA, &exchange);
    admix_curl.setopt(handle, CURLOPT_BUFFERSIZE, 1L << 18);
    admix_curl.setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 18);
    if (strcmp(request->method, "HEAD") == 0) {
      admix_curl.setopt(handle, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "PUT") == 0) {
      admix_curl.setopt(handle, CURLOPT_UPLOAD, 1L);
      admix_curl.setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->length);
      admix_curl.setopt(handle, CURLOPT_READFUNCTION, on_send);
      admix_curl.setopt(handle, CURLOPT_READDATA, &exchange);
      admix_curl.setopt(handle, CURLOPT_SEEKFUNCTION, on_seek);
      admix_curl.setopt(handle, CURLOPT_SEEKDATA, &exchange);
    }
    code = admix_curl.perform(handle);
    long status = 0;
    curl_off_t length = -1;
    admix_curl.getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    admix_curl.getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    result->status = (int32_t)status;
    result->content_length = (int64_t)length;
    result->received = exchange.received;
    admix_curl.free_all(headers);
  }
  if (exchange.sink >= 0 && close(exchange.sink) != 0 && !exchange.file_error) {
    exchange.file_error = errno;
  }
  if (exchange.source >= 0) close(exchange.source);
  result->data = session->data;
  result->data_length = session->length;

  if (exchange.file_error) {
    result->outcome = ADMIX_HTTP_FILE;
    snprintf(result->text, sizeof result->text, "%s", strerror(exchange.file_error));
  } else if (exchange.stopped) {
    result->outcome = ADMIX_HTTP_STOPPED;
  } else if (exchange.too_long) {
    result->outcome = ADMIX_HTTP_TOO_LONG;
  } else if (code != CURLE_OK) {
    result->outcome = ADMIX_HTTP_TRANSPORT;
    snprintf(result->text, sizeof result->text, "%s", error[0] ? error : admix_curl.strerror(code));
  }
}
