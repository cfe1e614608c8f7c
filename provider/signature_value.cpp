#include "provider/signature_value.h"

#include "protocol/wire/der.h"

namespace quorate::provider {

Bytes encode_signature(const Scalar& r, const Scalar& s) {
  const Bytes first = der::encode_unsigned(r.encode()), second = der::encode_unsigned(s.encode());
  return der::encode(der::kSequence, {first, second});
}

}  // namespace quorate::provider
