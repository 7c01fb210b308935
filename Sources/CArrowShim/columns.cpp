// From the many types that files have to the seven that admix has.

#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include <charconv>
#include <cmath>

#include "support.h"

namespace admix {

using arrow::Type;

std::shared_ptr<arrow::DataType> arrow_type(int32_t type, bool is_utc) {
  switch (type) {
    case ADMIX_ARROW_BOOL: return arrow::boolean();
    case ADMIX_ARROW_INT: return arrow::int64();
    case ADMIX_ARROW_DOUBLE: return arrow::float64();
    case ADMIX_ARROW_TEXT: return arrow::utf8();
    case ADMIX_ARROW_CATEGORY: return arrow::dictionary(arrow::int32(), arrow::utf8());
    case ADMIX_ARROW_DATE: return arrow::date32();
    case ADMIX_ARROW_DATETIME:
      return is_utc ? arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")
                    : arrow::timestamp(arrow::TimeUnit::MICRO);
    default: return nullptr;
  }
}

Failure plan(const arrow::Field &field, ColumnPlan &out) {
  out.name = field.name();
  out.from = field.type();
  out.source_type = field.type()->ToString();
  auto type = field.type();
  if (type->id() == Type::EXTENSION) {
    type = static_cast<const arrow::ExtensionType &>(*type).storage_type();
  }
  if (type->id() == Type::DICTIONARY) {
    out.was_dictionary = true;
    type = static_cast<const arrow::DictionaryType &>(*type).value_type();
  }
  switch (type->id()) {
    case Type::BOOL: out.type = ADMIX_ARROW_BOOL; break;
    case Type::INT8: case Type::INT16: case Type::INT32: case Type::INT64:
    case Type::UINT8: case Type::UINT16: case Type::UINT32: case Type::UINT64:
    case Type::TIME32: case Type::TIME64: case Type::DURATION:
      out.type = ADMIX_ARROW_INT;
      break;
    case Type::HALF_FLOAT: case Type::FLOAT: case Type::DOUBLE:
      out.type = ADMIX_ARROW_DOUBLE;
      break;
    case Type::DECIMAL32: case Type::DECIMAL64: case Type::DECIMAL128: case Type::DECIMAL256:
      out.type = ADMIX_ARROW_DOUBLE;
      out.decimals = static_cast<const arrow::DecimalType &>(*type).scale();
      break;
    case Type::STRING: case Type::LARGE_STRING: case Type::STRING_VIEW:
    case Type::BINARY: case Type::LARGE_BINARY: case Type::BINARY_VIEW:
    case Type::NA:
      out.type = ADMIX_ARROW_TEXT;
      break;
    case Type::DATE32: case Type::DATE64: out.type = ADMIX_ARROW_DATE; break;
    case Type::TIMESTAMP:
      out.type = ADMIX_ARROW_DATETIME;
      out.is_utc = !static_cast<const arrow::TimestampType &>(*type).timezone().empty();
      break;
    default:
      return {ADMIX_ARROW_UNSUPPORTED, out.name, out.source_type};
  }
  return {};
}

namespace {

/// Values that a row's number and a plain C++ function turn into others.
template <typename Builder, typename Source, typename Convert>
Failure rebuild(
    const ColumnPlan &plan, const Source &array, std::shared_ptr<arrow::DataType> type,
    std::shared_ptr<arrow::Array> &out, Convert convert) {
  Builder builder(type, pool());
  ADMIX_TRY(builder.Reserve(array.length()));
  for (int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    auto value = convert(row);
    if (!value) {
      return {
          ADMIX_ARROW_RANGE, plan.name,
          "a value of type " + plan.source_type + " is outside what " + type->ToString() +
              " can hold"};
    }
    builder.UnsafeAppend(*value);
  }
  ADMIX_TRY(builder.Finish(&out));
  return {};
}

/// Floor division, so that times before 1970 go to the earlier moment as later ones do.
int64_t floor_div(int64_t value, int64_t by) {
  int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

std::optional<int64_t> times(int64_t value, int64_t by) {
  int64_t product;
  if (__builtin_mul_overflow(value, by, &product)) return std::nullopt;
  return product;
}

std::optional<int64_t> to_micros(int64_t value, arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return times(value, 1000000);
    case arrow::TimeUnit::MILLI: return times(value, 1000);
    case arrow::TimeUnit::MICRO: return value;
    case arrow::TimeUnit::NANO: return floor_div(value, 1000);
  }
  return std::nullopt;
}

/// The double nearest to a decimal: its digits are read the way a CSV file's would be.
template <typename ArrayType>
Failure from_decimal(
    const ColumnPlan &plan, const arrow::Array &array, std::shared_ptr<arrow::Array> &out) {
  const auto &values = static_cast<const ArrayType &>(array);
  return rebuild<arrow::DoubleBuilder>(
      plan, values, arrow::float64(), out, [&](int64_t row) -> std::optional<double> {
        std::string text = values.FormatValue(row);
        double value = 0;
        auto end = text.data() + text.size();
        auto [stop, code] = std::from_chars(text.data(), end, value);
        if (code != std::errc() || stop != end) return std::nullopt;
        return value;
      });
}

Failure cast(
    const ColumnPlan &plan, const arrow::Array &array, std::shared_ptr<arrow::DataType> type,
    std::shared_ptr<arrow::Array> &out) {
  arrow::compute::ExecContext context(pool());
  context.set_use_threads(false);
  auto result =
      arrow::compute::Cast(array, type, arrow::compute::CastOptions::Safe(type), &context);
  if (!result.ok()) {
    auto failure = Failure::of(result.status());
    // The message of a cast quotes the value, which is people's data.
    if (failure.kind == ADMIX_ARROW_DAMAGED) {
      failure = {
          ADMIX_ARROW_RANGE, "",
          "a value of type " + plan.source_type + " cannot be " + type->ToString()};
    }
    failure.column = plan.name;
    return failure;
  }
  out = std::move(result).ValueUnsafe();
  return {};
}

template <typename ArrayType>
Failure from_binary(
    const ColumnPlan &plan, const arrow::Array &array, std::shared_ptr<arrow::Array> &out) {
  const auto &values = static_cast<const ArrayType &>(array);
  arrow::StringBuilder builder(pool());
  for (int64_t row = 0; row < values.length(); ++row) {
    if (values.IsNull(row)) {
      ADMIX_TRY(builder.AppendNull());
    } else {
      auto text = values.GetView(row);
      if (builder.value_data_length() + static_cast<int64_t>(text.size()) > arrow::kBinaryMemoryLimit) {
        return {ADMIX_ARROW_RANGE, plan.name, "more than 2 GiB of text in one batch"};
      }
      ADMIX_TRY(builder.Append(text.data(), static_cast<int32_t>(text.size())));
    }
  }
  ADMIX_TRY(builder.Finish(&out));
  return {};
}

Failure check_text(const ColumnPlan &plan, const arrow::Array &array) {
  if (static_cast<const arrow::StringArray &>(array).ValidateUTF8().ok()) return {};
  return {ADMIX_ARROW_RANGE, plan.name, "a value of type " + plan.source_type + " is not UTF-8"};
}

}  // namespace

Failure normalise(
    const ColumnPlan &plan, std::shared_ptr<arrow::Array> array,
    std::shared_ptr<arrow::Array> &out) {
  if (array->type_id() == Type::EXTENSION) {
    array = static_cast<const arrow::ExtensionArray &>(*array).storage();
  }
  if (array->type_id() == Type::DICTIONARY) {
    auto values = static_cast<const arrow::DictionaryType &>(*array->type()).value_type();
    std::shared_ptr<arrow::Array> dense;
    if (auto failure = cast(plan, *array, values, dense); failure.failed()) return failure;
    array = dense;
  }
  switch (array->type_id()) {
    case Type::BOOL: case Type::INT64: case Type::DOUBLE: case Type::DATE32:
      out = array;
      return {};
    case Type::INT8: case Type::INT16: case Type::INT32:
    case Type::UINT8: case Type::UINT16: case Type::UINT32: case Type::UINT64:
      return cast(plan, *array, arrow::int64(), out);
    case Type::FLOAT: return cast(plan, *array, arrow::float64(), out);
    case Type::HALF_FLOAT: {
      const auto &values = static_cast<const arrow::HalfFloatArray &>(*array);
      return rebuild<arrow::DoubleBuilder>(
          plan, values, arrow::float64(), out, [&](int64_t row) -> std::optional<double> {
            return arrow::util::Float16::FromBits(values.Value(row)).ToDouble();
          });
    }
    case Type::DECIMAL32: return from_decimal<arrow::Decimal32Array>(plan, *array, out);
    case Type::DECIMAL64: return from_decimal<arrow::Decimal64Array>(plan, *array, out);
    case Type::DECIMAL128: return from_decimal<arrow::Decimal128Array>(plan, *array, out);
    case Type::DECIMAL256: return from_decimal<arrow::Decimal256Array>(plan, *array, out);
    case Type::STRING:
      out = array;
      return check_text(plan, *out);
    case Type::NA: {
      ADMIX_LET(out, arrow::MakeArrayOfNull(arrow::utf8(), array->length(), pool()));
      return {};
    }
    case Type::LARGE_STRING: case Type::LARGE_BINARY: {
      auto failure = from_binary<arrow::LargeBinaryArray>(plan, *array, out);
      return failure.failed() ? failure : check_text(plan, *out);
    }
    case Type::STRING_VIEW: case Type::BINARY_VIEW: {
      auto failure = from_binary<arrow::BinaryViewArray>(plan, *array, out);
      return failure.failed() ? failure : check_text(plan, *out);
    }
    case Type::BINARY: {
      auto failure = from_binary<arrow::BinaryArray>(plan, *array, out);
      return failure.failed() ? failure : check_text(plan, *out);
    }
    case Type::DATE64: {
      const auto &values = static_cast<const arrow::Date64Array &>(*array);
      return rebuild<arrow::Date32Builder>(
          plan, values, arrow::date32(), out, [&](int64_t row) -> std::optional<int32_t> {
            int64_t days = floor_div(values.Value(row), 86400000);
            if (days != static_cast<int32_t>(days)) return std::nullopt;
            return static_cast<int32_t>(days);
          });
    }
    case Type::TIMESTAMP: {
      auto unit = static_cast<const arrow::TimestampType &>(*array->type()).unit();
      auto type = arrow_type(ADMIX_ARROW_DATETIME, plan.is_utc);
      if (unit == arrow::TimeUnit::MICRO) {
        out = array;
        return {};
      }
      const auto &values = static_cast<const arrow::TimestampArray &>(*array);
      return rebuild<arrow::TimestampBuilder>(
          plan, values, type, out,
          [&](int64_t row) { return to_micros(values.Value(row), unit); });
    }
    case Type::TIME32: {
      auto unit = static_cast<const arrow::Time32Type &>(*array->type()).unit();
      const auto &values = static_cast<const arrow::Time32Array &>(*array);
      return rebuild<arrow::Int64Builder>(
          plan, values, arrow::int64(), out,
          [&](int64_t row) { return to_micros(values.Value(row), unit); });
    }
    case Type::TIME64: {
      auto unit = static_cast<const arrow::Time64Type &>(*array->type()).unit();
      const auto &values = static_cast<const arrow::Time64Array &>(*array);
      return rebuild<arrow::Int64Builder>(
          plan, values, arrow::int64(), out,
          [&](int64_t row) { return to_micros(values.Value(row), unit); });
    }
    case Type::DURATION: {
      auto unit = static_cast<const arrow::DurationType &>(*array->type()).unit();
      const auto &values = static_cast<const arrow::DurationArray &>(*array);
      return rebuild<arrow::Int64Builder>(
          plan, values, arrow::int64(), out,
          [&](int64_t row) { return to_micros(values.Value(row), unit); });
    }
    default: return {ADMIX_ARROW_UNSUPPORTED, plan.name, plan.source_type};
  }
}

}  // namespace admix
