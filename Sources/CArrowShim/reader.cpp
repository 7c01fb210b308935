// Parquet and Arrow IPC as streams of batches in admix's types.

#include <arrow/c/bridge.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/align_util.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/properties.h>

#include <set>

#include "support.h"

using admix::ColumnPlan;
using admix::Failure;

struct AdmixArrowReader {
  std::vector<ColumnPlan> columns;
  /// Where each of them stands in the batches that come.
  std::vector<int> places;
  bool is_partition = false;

  std::shared_ptr<arrow::io::RandomAccessFile> file;
  std::unique_ptr<parquet::arrow::FileReader> parquet;
  std::shared_ptr<arrow::RecordBatchReader> stream;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> ipc;
  int next_ipc_batch = 0;
};

namespace {

/// Which fields are wanted, in order; the failure names a column that is absent or doubled.
Failure choose(
    const arrow::Schema &schema, const char *const *names, int64_t count, std::vector<int> &out) {
  std::set<std::string> seen;
  for (const auto &field : schema.fields()) {
    if (!seen.insert(field->name()).second) {
      return {ADMIX_ARROW_COLUMN, field->name(), "two columns have this name"};
    }
  }
  if (names == nullptr) {
    for (int index = 0; index < schema.num_fields(); ++index) out.push_back(index);
    return {};
  }
  for (int64_t index = 0; index < count; ++index) {
    int field = schema.GetFieldIndex(names[index]);
    if (field < 0) return {ADMIX_ARROW_COLUMN, names[index], "there is no such column"};
    out.push_back(field);
  }
  return {};
}

/// A partition has exactly the types that admix writes.
Failure plan_own(const arrow::Field &field, ColumnPlan &out) {
  if (auto failure = admix::plan(field, out); failure.failed()) return failure;
  if (out.was_dictionary) out.type = ADMIX_ARROW_CATEGORY;
  if (!field.type()->Equals(*admix::arrow_type(out.type, out.is_utc))) {
    return {ADMIX_ARROW_DAMAGED, out.name, "a column is " + out.source_type};
  }
  return {};
}

Failure plan_columns(
    AdmixArrowReader &reader, const arrow::Schema &schema, const std::vector<int> &fields) {
  for (int field : fields) {
    ColumnPlan column;
    auto failure = reader.is_partition ? plan_own(*schema.field(field), column)
                                       : admix::plan(*schema.field(field), column);
    if (failure.failed()) return failure;
    reader.columns.push_back(column);
  }
  return {};
}

Failure open_parquet(
    AdmixArrowReader &reader, int64_t batch_rows, const char *const *names, int64_t count) {
  parquet::ReaderProperties properties(admix::pool());
  // Pages are read as they are needed, not a whole column chunk at once.
  properties.enable_buffered_stream();
  properties.set_page_checksum_verification(true);
  parquet::ArrowReaderProperties options(/*use_threads=*/false);
  options.set_batch_size(batch_rows);
  options.set_pre_buffer(false);
  // Legacy 96-bit times become microseconds at once; in nanoseconds years after 2262 would wrap.
  options.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);

  parquet::arrow::FileReaderBuilder builder;
  ADMIX_TRY(builder.Open(reader.file, properties));
  builder.memory_pool(admix::pool())->properties(options);
  ADMIX_LET(reader.parquet, builder.Build());

  std::shared_ptr<arrow::Schema> schema;
  ADMIX_TRY(reader.parquet->GetSchema(&schema));
  std::vector<int> fields;
  if (auto failure = choose(*schema, names, count, fields); failure.failed()) return failure;
  if (auto failure = plan_columns(reader, *schema, fields); failure.failed()) return failure;

  // Nothing that came through the plan is nested, so every field is one leaf.
  std::vector<int> leaves;
  for (int field : fields) {
    const auto &leaf = reader.parquet->manifest().schema_fields[field];
    if (leaf.column_index < 0) {
      return {ADMIX_ARROW_UNSUPPORTED, schema->field(field)->name(), "a nested column"};
    }
    leaves.push_back(leaf.column_index);
    reader.places.push_back(static_cast<int>(reader.places.size()));
  }
  std::vector<int> groups(reader.parquet->num_row_groups());
  for (size_t index = 0; index < groups.size(); ++index) groups[index] = static_cast<int>(index);
  ADMIX_LET(reader.stream, reader.parquet->GetRecordBatchReader(groups, leaves));
  // The reader gives the fields in the order of the file, whatever order was asked for.
  for (size_t index = 0; index < fields.size(); ++index) {
    int place = reader.stream->schema()->GetFieldIndex(reader.columns[index].name);
    if (place < 0) return {ADMIX_ARROW_DAMAGED, reader.columns[index].name, "a column went missing"};
    reader.places[index] = place;
  }
  return {};
}

Failure open_ipc(AdmixArrowReader &reader, const char *const *names, int64_t count) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = admix::pool();
  options.use_threads = false;
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;

  static constexpr std::string_view magic = "ARROW1";
  ADMIX_LET(auto start, reader.file->ReadAt(0, static_cast<int64_t>(magic.size())));
  bool is_file = std::string_view(*start) == magic;
  // A positioned read forbids what the stream reader does next, until the position is set again.
  ADMIX_TRY(reader.file->Seek(0));
  if (!is_file && reader.is_partition) {
    return {ADMIX_ARROW_DAMAGED, "", "not an Arrow file"};
  }

  std::shared_ptr<arrow::Schema> schema;
  if (is_file) {
    ADMIX_LET(reader.ipc, arrow::ipc::RecordBatchFileReader::Open(reader.file, options));
    schema = reader.ipc->schema();
  } else {
    ADMIX_LET(reader.stream, arrow::ipc::RecordBatchStreamReader::Open(reader.file, options));
    schema = reader.stream->schema();
  }
  std::vector<int> fields;
  if (auto failure = choose(*schema, names, count, fields); failure.failed()) return failure;
  if (auto failure = plan_columns(reader, *schema, fields); failure.failed()) return failure;
  reader.places = fields;

  bool is_projection = static_cast<int>(fields.size()) < schema->num_fields() && !fields.empty();
  if (is_file && is_projection) {
    // Opened again, now that it is known which columns to read; the file is not read twice.
    options.included_fields = fields;
    ADMIX_LET(reader.ipc, arrow::ipc::RecordBatchFileReader::Open(reader.file, options));
    for (size_t index = 0; index < fields.size(); ++index) {
      reader.places[index] = -1;
    }
  }
  return {};
}

Failure next_batch(AdmixArrowReader &reader, std::shared_ptr<arrow::RecordBatch> &out) {
  if (reader.ipc) {
    if (reader.next_ipc_batch >= reader.ipc->num_record_batches()) return {};
    ADMIX_LET(out, reader.ipc->ReadRecordBatch(reader.next_ipc_batch));
    ++reader.next_ipc_batch;
  } else {
    ADMIX_TRY(reader.stream->ReadNext(&out));
  }
  return {};
}

Failure next_arrays(AdmixArrowReader &reader, int64_t *rows, ArrowArray *arrays) {
  *rows = -1;
  std::shared_ptr<arrow::RecordBatch> batch;
  if (auto failure = next_batch(reader, batch); failure.failed()) return failure;
  if (!batch) return {};
  if (reader.is_partition && reader.next_ipc_batch > 1) {
    return {ADMIX_ARROW_DAMAGED, "", "more than one record batch"};
  }

  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (size_t index = 0; index < reader.columns.size(); ++index) {
    const auto &plan = reader.columns[index];
    int place = reader.places[index];
    if (place < 0) place = batch->schema()->GetFieldIndex(plan.name);
    if (place < 0 || place >= batch->num_columns()) {
      return {ADMIX_ARROW_DAMAGED, plan.name, "a column went missing"};
    }
    auto column = batch->column(place);
    if (!column->type()->Equals(*plan.from) || column->length() != batch->num_rows()) {
      return {ADMIX_ARROW_DAMAGED, plan.name, "a column is not what the schema says"};
    }
    // Offsets, UTF-8 and codes: after this, nothing points outside its buffer.
    if (auto status = column->ValidateFull(); !status.ok()) {
      auto failure = Failure::of(status);
      return {
          failure.kind == ADMIX_ARROW_MEMORY ? failure.kind : ADMIX_ARROW_DAMAGED, plan.name,
          "the values of a column are not valid"};
    }
    std::shared_ptr<arrow::Array> normal = column;
    if (!reader.is_partition) {
      if (auto failure = admix::normalise(plan, column, normal); failure.failed()) return failure;
    }
    ADMIX_LET(
        normal, arrow::util::EnsureAlignment(normal, arrow::util::kValueAlignment, admix::pool()));
    columns.push_back(normal);
  }

  for (size_t index = 0; index < columns.size(); ++index) {
    if (auto status = arrow::ExportArray(*columns[index], &arrays[index]); !status.ok()) {
      for (size_t done = 0; done < index; ++done) arrays[done].release(&arrays[done]);
      return Failure::of(status);
    }
  }
  *rows = batch->num_rows();
  return {};
}

}  // namespace

extern "C" int32_t admix_arrow_reader_open(
    const char *path, int32_t format, int64_t batch_rows, const char *const *names,
    int64_t name_count, AdmixArrowReader **out, AdmixArrowError *error) {
  *out = nullptr;
  return admix::guarded(error, [&]() -> Failure {
    auto reader = std::make_unique<AdmixArrowReader>();
    ADMIX_LET(reader->file, arrow::io::ReadableFile::Open(path, admix::pool()));
    reader->is_partition = format == ADMIX_ARROW_PARTITION;
    auto failure = format == ADMIX_ARROW_PARQUET
                       ? open_parquet(*reader, batch_rows, names, name_count)
                       : open_ipc(*reader, names, name_count);
    if (!failure.failed()) *out = reader.release();
    return failure;
  });
}

extern "C" int64_t admix_arrow_reader_columns(const AdmixArrowReader *reader) {
  return static_cast<int64_t>(reader->columns.size());
}

extern "C" void admix_arrow_reader_column(
    const AdmixArrowReader *reader, int64_t index, AdmixArrowColumn *out) {
  const auto &column = reader->columns[static_cast<size_t>(index)];
  *out = {column.name.c_str(),          column.source_type.c_str(), column.type,
          column.is_utc ? 1 : 0,        column.was_dictionary ? 1 : 0, column.decimals};
}

extern "C" int32_t admix_arrow_reader_next(
    AdmixArrowReader *reader, int64_t *rows, ArrowArray *arrays, AdmixArrowError *error) {
  return admix::guarded(error, [&] { return next_arrays(*reader, rows, arrays); });
}

extern "C" void admix_arrow_reader_close(AdmixArrowReader *reader) {
  AdmixArrowError ignored;
  admix::guarded(&ignored, [&]() -> Failure {
    delete reader;
    return {};
  });
}
