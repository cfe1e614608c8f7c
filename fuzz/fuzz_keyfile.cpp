// The key file a TLS server loads: strict DER with one encoding, and PEM that leads to the same.

#include <algorithm>
#include <cstdlib>

#include "provider/key_file.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const bool begins = begins_as_key_file(bytes);
  const auto file = parse_key_file_der(bytes);
  if (!file) {
    if (file.error().empty()) std::abort();
  } else {
    if (!begins) std::abort();
    const auto again = encode_key_file_der(*file);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    const auto through_pem = parse_key_file_pem(encode_key_file_pem(*file));
    if (!through_pem || through_pem->key != file->key) std::abort();
  }
  (void)parse_key_file_pem(as_text(bytes));
  return 0;
}
