// Compressed files into plain ones.

#include <arrow/io/compressed.h>
#include <arrow/io/file.h>
#include <arrow/util/compression.h>

#include "support.h"

using admix::Failure;

extern "C" int32_t admix_arrow_expand(
    const char *from, const char *to, int32_t codec, int64_t limit, int64_t *written,
    AdmixArrowError *error) {
  *written = 0;
  return admix::guarded(error, [&]() -> Failure {
    ADMIX_LET(auto source, arrow::io::ReadableFile::Open(from, admix::pool()));
    ADMIX_LET(
        auto expander,
        arrow::util::Codec::Create(
            codec == ADMIX_ARROW_GZIP ? arrow::Compression::GZIP : arrow::Compression::ZSTD));
    ADMIX_LET(
        auto stream, arrow::io::CompressedInputStream::Make(expander.get(), source, admix::pool()));
    ADMIX_LET(auto target, arrow::io::FileOutputStream::Open(to));
    std::vector<uint8_t> piece(1 << 20);
    while (true) {
      ADMIX_LET(int64_t count, stream->Read(static_cast<int64_t>(piece.size()), piece.data()));
      if (count == 0) break;
      *written += count;
      if (*written > limit) return {ADMIX_ARROW_RANGE, "", "the expanded file is too large"};
      ADMIX_TRY(target->Write(piece.data(), count));
    }
    ADMIX_TRY(target->Close());
    return {};
  });
}
