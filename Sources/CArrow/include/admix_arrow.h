#ifndef ADMIX_ARROW_H
#define ADMIX_ARROW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The Arrow C data interface, as its specification gives it
// (https://arrow.apache.org/docs/format/CDataInterface.html).
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};
#endif

// What follows is exported by libAdmixArrow.so, which is opened with dlopen on first use. Nothing
// here throws; what can fail returns 0 or an error kind and fills in `error`. A handle is used by
// one thread at a time.

/// Raised when a function's meaning changes, so that a stale library is noticed.
#define ADMIX_ARROW_ABI 1

enum AdmixArrowErrorKind {
  ADMIX_ARROW_OK = 0,
  /// The bytes are not what the format demands.
  ADMIX_ARROW_DAMAGED = 1,
  /// Sound, but of a kind that admix does not read; `column` may say where.
  ADMIX_ARROW_UNSUPPORTED = 2,
  /// A value does not fit the column type that admix has for it.
  ADMIX_ARROW_RANGE = 3,
  /// A column that was asked for is not there, or stands twice; `column` names it.
  ADMIX_ARROW_COLUMN = 4,
  /// The operating system refused; the text says why.
  ADMIX_ARROW_IO = 5,
  ADMIX_ARROW_MEMORY = 6,
  ADMIX_ARROW_OTHER = 7,
};

/// Texts end with a zero byte and are cut where they are too long.
struct AdmixArrowError {
  int32_t kind;
  char column[256];
  char text[1024];
};

/// What admix has for a column; arrays cross in exactly these Arrow types.
enum AdmixArrowType {
  ADMIX_ARROW_BOOL = 0,        // bool
  ADMIX_ARROW_INT = 1,         // int64
  ADMIX_ARROW_DOUBLE = 2,      // float64
  ADMIX_ARROW_TEXT = 3,        // utf8
  ADMIX_ARROW_CATEGORY = 4,    // dictionary<int32, utf8>
  ADMIX_ARROW_DATE = 5,        // date32
  ADMIX_ARROW_DATETIME = 6,    // timestamp[us]
};

struct AdmixArrowColumn {
  /// UTF-8; owned by the handle that gave it, or by the caller that passes it.
  const char *name;
  /// The Arrow type that the file has, for people.
  const char *source_type;
  int32_t type;
  int32_t is_utc;
  /// The file holds codes into a dictionary of texts.
  int32_t was_dictionary;
  /// Digits after the point of a decimal; -1 for others.
  int32_t decimals;
};

enum AdmixArrowFormat {
  ADMIX_ARROW_PARQUET = 0,
  /// An Arrow IPC file or, by its first bytes, a stream.
  ADMIX_ARROW_IPC = 1,
  /// An Arrow IPC file with one record batch of exactly the types above, as `admix` writes it.
  ADMIX_ARROW_PARTITION = 2,
};

enum AdmixArrowCompression {
  ADMIX_ARROW_PLAIN = 0,
  ADMIX_ARROW_LZ4 = 1,
  ADMIX_ARROW_ZSTD = 2,
};

struct AdmixArrowReader;
struct AdmixArrowWriter;

/// Opens a file. `names` are the columns wanted, in that order; all where it is NULL.
int32_t admix_arrow_reader_open(
    const char *path, int32_t format, int64_t batch_rows, const char *const *names,
    int64_t name_count, struct AdmixArrowReader **out, struct AdmixArrowError *error);
int64_t admix_arrow_reader_columns(const struct AdmixArrowReader *reader);
void admix_arrow_reader_column(
    const struct AdmixArrowReader *reader, int64_t index, struct AdmixArrowColumn *out);
/// The next batch: one array per column, each to be released by itself; they outlive the reader.
/// `rows` is -1 at the end, and then nothing is written to `arrays`.
int32_t admix_arrow_reader_next(
    struct AdmixArrowReader *reader, int64_t *rows, struct ArrowArray *arrays,
    struct AdmixArrowError *error);
void admix_arrow_reader_close(struct AdmixArrowReader *reader);

/// Opens a file for writing; `format` is PARQUET or IPC.
int32_t admix_arrow_writer_open(
    const char *path, int32_t format, int32_t compression, const struct AdmixArrowColumn *columns,
    int64_t column_count, struct AdmixArrowWriter **out, struct AdmixArrowError *error);
/// Writes a batch: a row group or record batch of its own. Takes the arrays, releasing each.
int32_t admix_arrow_writer_write(
    struct AdmixArrowWriter *writer, int64_t rows, struct ArrowArray *arrays,
    struct AdmixArrowError *error);
/// Writes the end of the file and closes it.
int32_t admix_arrow_writer_finish(struct AdmixArrowWriter *writer, struct AdmixArrowError *error);
void admix_arrow_writer_close(struct AdmixArrowWriter *writer);

enum AdmixArrowCodec {
  ADMIX_ARROW_GZIP = 0,
  ADMIX_ARROW_ZSTD_FILE = 1,
};

/// Expands a file into a new one of at most `limit` bytes, a piece at a time.
int32_t admix_arrow_expand(
    const char *from, const char *to, int32_t codec, int64_t limit, int64_t *written,
    struct AdmixArrowError *error);

/// Everything above in one table, so that one symbol is looked up and the types are checked where
/// both sides are known.
struct AdmixArrowFunctions {
  int32_t abi;
  const char *version;
  int32_t (*reader_open)(
      const char *path, int32_t format, int64_t batch_rows, const char *const *names,
      int64_t name_count, struct AdmixArrowReader **out, struct AdmixArrowError *error);
  int64_t (*reader_columns)(const struct AdmixArrowReader *reader);
  void (*reader_column)(
      const struct AdmixArrowReader *reader, int64_t index, struct AdmixArrowColumn *out);
  int32_t (*reader_next)(
      struct AdmixArrowReader *reader, int64_t *rows, struct ArrowArray *arrays,
      struct AdmixArrowError *error);
  void (*reader_close)(struct AdmixArrowReader *reader);
  int32_t (*writer_open)(
      const char *path, int32_t format, int32_t compression,
      const struct AdmixArrowColumn *columns, int64_t column_count, struct AdmixArrowWriter **out,
      struct AdmixArrowError *error);
  int32_t (*writer_write)(
      struct AdmixArrowWriter *writer, int64_t rows, struct ArrowArray *arrays,
      struct AdmixArrowError *error);
  int32_t (*writer_finish)(struct AdmixArrowWriter *writer, struct AdmixArrowError *error);
  void (*writer_close)(struct AdmixArrowWriter *writer);
  int32_t (*expand)(
      const char *from, const char *to, int32_t codec, int64_t limit, int64_t *written,
      struct AdmixArrowError *error);
};

const struct AdmixArrowFunctions *admix_arrow_functions(void);

#ifdef __cplusplus
}
#endif
#endif
