// Parquet and Arrow IPC files out of batches in admix's types.

#include <arrow/c/bridge.h>
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "support.h"

using admix::Failure;

struct AdmixArrowWriter {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::io::FileOutputStream> file;
  std::unique_ptr<parquet::arrow::FileWriter> parquet;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> ipc;
};

namespace {

arrow::Compression::type codec(int32_t compression, bool is_parquet) {
  switch (compression) {
    case ADMIX_ARROW_LZ4:
      return is_parquet ? arrow::Compression::LZ4 : arrow::Compression::LZ4_FRAME;
    case ADMIX_ARROW_ZSTD: return arrow::Compression::ZSTD;
    default: return arrow::Compression::UNCOMPRESSED;
  }
}

Failure open_parquet(AdmixArrowWriter &writer, int32_t compression) {
  parquet::WriterProperties::Builder properties;
  properties.memory_pool(admix::pool());
  properties.compression(codec(compression, true));
  properties.enable_page_checksum();
  // The name of the program only: a version here would change the bytes with every release.
  properties.created_by("admix");
  parquet::ArrowWriterProperties::Builder options;
  options.store_schema();
  options.set_use_threads(false);
  ADMIX_LET(
      writer.parquet, parquet::arrow::FileWriter::Open(
                          *writer.schema, admix::pool(), writer.file, properties.build(),
                          options.build()));
  return {};
}

Failure open_ipc(AdmixArrowWriter &writer, int32_t compression) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.memory_pool = admix::pool();
  options.use_threads = false;
  if (compression != ADMIX_ARROW_PLAIN) {
    ADMIX_LET(options.codec, arrow::util::Codec::Create(codec(compression, false)));
    // A buffer that compression does not make smaller stays as it is.
    options.min_space_savings = 0.0;
  }
  ADMIX_LET(writer.ipc, arrow::ipc::MakeFileWriter(writer.file, writer.schema, options));
  return {};
}

}  // namespace

extern "C" int32_t admix_arrow_writer_open(
    const char *path, int32_t format, int32_t compression, const AdmixArrowColumn *columns,
    int64_t column_count, AdmixArrowWriter **out, AdmixArrowError *error) {
  *out = nullptr;
  return admix::guarded(error, [&]() -> Failure {
    auto writer = std::make_unique<AdmixArrowWriter>();
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (int64_t index = 0; index < column_count; ++index) {
      auto type = admix::arrow_type(columns[index].type, columns[index].is_utc != 0);
      if (!type) return {ADMIX_ARROW_OTHER, columns[index].name, "an unknown column type"};
      fields.push_back(arrow::field(columns[index].name, type));
    }
    writer->schema = arrow::schema(fields);
    ADMIX_LET(writer->file, arrow::io::FileOutputStream::Open(path));
    auto failure = format == ADMIX_ARROW_PARQUET ? open_parquet(*writer, compression)
                                                 : open_ipc(*writer, compression);
    if (!failure.failed()) *out = writer.release();
    return failure;
  });
}

extern "C" int32_t admix_arrow_writer_write(
    AdmixArrowWriter *writer, int64_t rows, ArrowArray *arrays, AdmixArrowError *error) {
  return admix::guarded(error, [&]() -> Failure {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    Failure first;
    // Every array is taken, also after a failure, so that none is left to leak.
    for (int index = 0; index < writer->schema->num_fields(); ++index) {
      auto column = arrow::ImportArray(&arrays[index], writer->schema->field(index)->type());
      if (column.ok()) {
        columns.push_back(std::move(column).ValueUnsafe());
      } else if (!first.failed()) {
        first = Failure::of(column.status());
      }
    }
    if (first.failed()) return first;
    auto batch = arrow::RecordBatch::Make(writer->schema, rows, columns);
    if (writer->ipc) {
      ADMIX_TRY(writer->ipc->WriteRecordBatch(*batch));
      return {};
    }
    ADMIX_LET(auto table, arrow::Table::FromRecordBatches(writer->schema, {batch}));
    if (rows > 0) ADMIX_TRY(writer->parquet->WriteTable(*table, rows));
    return {};
  });
}

extern "C" int32_t admix_arrow_writer_finish(AdmixArrowWriter *writer, AdmixArrowError *error) {
  return admix::guarded(error, [&]() -> Failure {
    if (writer->parquet) ADMIX_TRY(writer->parquet->Close());
    if (writer->ipc) ADMIX_TRY(writer->ipc->Close());
    ADMIX_TRY(writer->file->Close());
    return {};
  });
}

extern "C" void admix_arrow_writer_close(AdmixArrowWriter *writer) {
  AdmixArrowError ignored;
  admix::guarded(&ignored, [&]() -> Failure {
    delete writer;
    return {};
  });
}
