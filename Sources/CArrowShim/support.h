// What the parts of the shim share: errors, memory with a limit, and the column types of admix.
#pragma once

#include <arrow/api.h>
#include <arrow/memory_pool.h>

#include <memory>
#include <string>
#include <vector>

#include "admix_arrow.h"

namespace admix {

/// An error that knows its kind and column before it reaches C.
struct Failure {
  int32_t kind = ADMIX_ARROW_OK;
  std::string column;
  std::string text;

  bool failed() const { return kind != ADMIX_ARROW_OK; }
  static Failure of(const arrow::Status &status);
  static Failure of(const std::exception &error);
};

int32_t report(const Failure &failure, AdmixArrowError *error);

/// Arrow's pool with a bound at three quarters of the machine's memory, so that a file that claims
/// to be enormous is an error. It lives for ever, as columns may be released at any time.
arrow::MemoryPool *pool();

/// Runs the body; whatever is thrown becomes an error.
template <typename Body>
int32_t guarded(AdmixArrowError *error, Body body) {
  try {
    return report(body(), error);
  } catch (const std::bad_alloc &) {
    return report({ADMIX_ARROW_MEMORY, "", "out of memory"}, error);
  } catch (const std::exception &exception) {
    return report(Failure::of(exception), error);
  } catch (...) {
    return report({ADMIX_ARROW_OTHER, "", "an unknown exception"}, error);
  }
}

#define ADMIX_TRY(expression)                                        \
  do {                                                               \
    if (arrow::Status status_ = (expression); !status_.ok()) {       \
      return ::admix::Failure::of(status_);                          \
    }                                                                \
  } while (false)

#define ADMIX_JOIN_(a, b) a##b
#define ADMIX_JOIN(a, b) ADMIX_JOIN_(a, b)
#define ADMIX_LET_(result, target, expression)                       \
  auto result = (expression);                                        \
  if (!result.ok()) return ::admix::Failure::of(result.status());    \
  target = std::move(result).ValueUnsafe()
#define ADMIX_LET(target, expression) ADMIX_LET_(ADMIX_JOIN(result_, __LINE__), target, expression)

/// A column on its way from a file's type to admix's.
struct ColumnPlan {
  std::string name;
  std::string source_type;
  std::shared_ptr<arrow::DataType> from;
  int32_t type = ADMIX_ARROW_INT;
  bool is_utc = false;
  bool was_dictionary = false;
  int32_t decimals = -1;
};

std::shared_ptr<arrow::DataType> arrow_type(int32_t type, bool is_utc);

/// What admix makes of a field; the failure names the column.
Failure plan(const arrow::Field &field, ColumnPlan &out);

/// Converts; the values of the result fit the plan's type, texts are UTF-8 and shorter than 2 GiB.
Failure normalise(
    const ColumnPlan &plan, std::shared_ptr<arrow::Array> array, std::shared_ptr<arrow::Array> &out);

}  // namespace admix
