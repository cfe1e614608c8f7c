#pragma once

#include "protocol/group/scalar.h"

namespace quorate::provider {

/// DER ECDSA-Sig-Value (RFC 3279 section 2.2.3): SEQUENCE { r INTEGER, s INTEGER }.
Bytes encode_signature(const Scalar& r, const Scalar& s);

}  // namespace quorate::provider
