#include "support.h"

#include <arrow/util/io_util.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace admix {

namespace {

void copy(const std::string &from, char *to, size_t capacity) {
  size_t length = std::min(from.size(), capacity - 1);
  // Never in the middle of a UTF-8 character.
  while (length > 0 && length < from.size() && (from[length] & 0xC0) == 0x80) --length;
  std::memcpy(to, from.data(), length);
  to[length] = 0;
}

bool mentions(const std::string &text, const char *word) {
  return text.find(word) != std::string::npos;
}

bool about_encryption(const std::string &text) {
  return mentions(text, "ncrypt") || mentions(text, "ecrypt");
}

}  // namespace

Failure Failure::of(const arrow::Status &status) {
  int32_t kind = ADMIX_ARROW_OTHER;
  if (status.IsOutOfMemory()) {
    kind = ADMIX_ARROW_MEMORY;
  } else if (about_encryption(status.message()) || status.IsNotImplemented()) {
    kind = ADMIX_ARROW_UNSUPPORTED;
  } else if (status.IsIOError() && arrow::internal::ErrnoFromStatus(status) != 0) {
    kind = ADMIX_ARROW_IO;
  } else if (
      status.IsInvalid() || status.IsIOError() || status.IsSerializationError() ||
      status.IsKeyError() || status.IsIndexError() || status.IsTypeError() ||
      status.IsCapacityError()) {
    // Readers of damaged files come across all of these.
    kind = ADMIX_ARROW_DAMAGED;
  }
  return {kind, "", status.message()};
}

Failure Failure::of(const std::exception &error) {
  std::string text = error.what();
  return {about_encryption(text) ? ADMIX_ARROW_UNSUPPORTED : ADMIX_ARROW_DAMAGED, "", text};
}

int32_t report(const Failure &failure, AdmixArrowError *error) {
  error->kind = failure.kind;
  copy(failure.column, error->column, sizeof error->column);
  // One line is enough; what follows are traces and hints for C++ programmers.
  copy(failure.text.substr(0, failure.text.find('\n')), error->text, sizeof error->text);
  return failure.kind;
}

arrow::MemoryPool *pool() {
  static auto *capped = [] {
    int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
    int64_t limit = std::max<int64_t>(memory / 4 * 3, int64_t{1} << 30);
    return new arrow::CappedMemoryPool(arrow::default_memory_pool(), limit);
  }();
  return capped;
}

}  // namespace admix

extern "C" const AdmixArrowFunctions *admix_arrow_functions(void) {
  static const std::string version = arrow::GetBuildInfo().version_string;
  static const AdmixArrowFunctions functions = {
      ADMIX_ARROW_ABI,           version.c_str(),           admix_arrow_reader_open,
      admix_arrow_reader_columns, admix_arrow_reader_column, admix_arrow_reader_next,
      admix_arrow_reader_close,  admix_arrow_writer_open,   admix_arrow_writer_write,
      admix_arrow_writer_finish, admix_arrow_writer_close,  admix_arrow_expand,
  };
  return &functions;
}
