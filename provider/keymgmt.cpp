#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <cstring>

#include "provider/tables.h"

namespace quorate::provider {
namespace {

Key& as_key(const void* data) { return *static_cast<Key*>(const_cast<void*>(data)); }

void* key_new(void* provctx) {
  auto& context = *static_cast<Context*>(provctx);
  return entry<void*>(context.errors(), nullptr, [&]() -> Result<void*, Problem> { return new Key(context); });
}

void key_free(void* data) {
  if (data != nullptr) as_key(data).release();
}

/// The decoder's reference: we take what it owns.
void* key_load(const void* reference, std::size_t size) {
  Key* key = nullptr;
  if (size != sizeof key) return nullptr;
  std::memcpy(&key, reference, sizeof key);
  std::memset(const_cast<void*>(reference), 0, sizeof key);
  return key;
}

void* key_dup(const void* data, int) { return as_key(data).share(); }

/// The private key is said to be there: PEM loading and libssl insist. Where it really is, is our affair.
int key_has(const void* data, int selection) {
  return selection == 0 || (data != nullptr && as_key(data).loaded()) ? 1 : 0;
}

int key_match(const void* first, const void* second, int selection) {
  const KeyFile& a = as_key(first).file();
  const KeyFile& b = as_key(second).file();
  if (a.curve == nullptr || b.curve == nullptr) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0 && a.key != b.key) return 0;
  return a.curve == b.curve ? 1 : 0;
}

bool set(OSSL_PARAM* params, const char* name, const char* text) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
  return p == nullptr || OSSL_PARAM_set_utf8_string(p, text) == 1;
}
bool set(OSSL_PARAM* params, const char* name, int number) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
  return p == nullptr || OSSL_PARAM_set_int(p, number) == 1;
}
bool set(OSSL_PARAM* params, const char* name, ByteView octets) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
  return p == nullptr || OSSL_PARAM_set_octet_string(p, octets.data(), octets.size()) == 1;
}
bool set_number(OSSL_PARAM* params, const char* name, ByteView big_endian) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
  if (p == nullptr) return true;
  BIGNUM* number = BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr);
  const bool ok = number != nullptr && OSSL_PARAM_set_BN(p, number) == 1;
  BN_free(number);
  return ok;
}

int key_get_params(void* data, OSSL_PARAM params[]) {
  const Key& key = as_key(data);
  if (!key.loaded()) return 0;
  return entry(key.context().errors(), 0, [&]() -> Result<int, Problem> {
    const Bytes point = key.file().X.encode();
    const ByteView x = ByteView(point).subspan(1, key.file().curve->field_size());
    const ByteView y = ByteView(point).subspan(1 + x.size());
    const int bits = static_cast<int>(key.file().curve->order_bits());
    const bool ok = set(params, OSSL_PKEY_PARAM_BITS, bits) && set(params, OSSL_PKEY_PARAM_SECURITY_BITS, bits / 2) &&
                    set(params, OSSL_PKEY_PARAM_MAX_SIZE, static_cast<int>(key.max_signature())) &&
                    set(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, key.default_digest()) &&
                    set(params, OSSL_PKEY_PARAM_GROUP_NAME, key.group_name()) &&
                    set(params, OSSL_PKEY_PARAM_PUB_KEY, ByteView(point)) &&
                    set(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, ByteView(point)) &&
                    set_number(params, OSSL_PKEY_PARAM_EC_PUB_X, x) && set_number(params, OSSL_PKEY_PARAM_EC_PUB_Y, y) &&
                    set(params, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) &&
                    set(params, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) &&
                    set(params, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, 0);
    if (!ok) return problem(Reason::ParameterUnsupported, "a parameter does not fit the caller's buffer");
    return 1;
  });
}

const OSSL_PARAM* key_gettable_params(void*) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, nullptr, 0),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, nullptr),
      {nullptr, 0, nullptr, 0, 0},
  };
  return list;
}

int key_export(void* data, int selection, OSSL_CALLBACK* callback, void* argument) {
  return export_public(as_key(data), selection, callback, argument);
}

const OSSL_PARAM* key_export_types(int selection) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      {nullptr, 0, nullptr, 0, 0},
  };
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? nullptr : list;
}

const char* key_operation_name(int operation) { return operation == OSSL_OP_SIGNATURE ? "ECDSA" : nullptr; }

}  // namespace

int export_public(const Key& key, int selection, OSSL_CALLBACK* callback, void* argument) {
  if (!key.loaded() || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return 0;
  const bool with_point = (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0;
  if (!with_point && (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) == 0) return 0;
  Bytes point;
  const int encoded = entry(key.context().errors(), 0, [&]() -> Result<int, Problem> {
    point = key.file().X.encode();
    return 1;
  });
  if (encoded == 0) return 0;
  std::array params = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(key.group_name()), 0),
      with_point ? OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size())
                 : OSSL_PARAM_construct_end(),
      OSSL_PARAM_construct_end()};
  return callback(params.data(), argument);
}

const OSSL_DISPATCH kKeymgmt[] = {
    {OSSL_FUNC_KEYMGMT_NEW, table_entry(key_new)},
    {OSSL_FUNC_KEYMGMT_FREE, table_entry(key_free)},
    {OSSL_FUNC_KEYMGMT_LOAD, table_entry(key_load)},
    {OSSL_FUNC_KEYMGMT_DUP, table_entry(key_dup)},
    {OSSL_FUNC_KEYMGMT_HAS, table_entry(key_has)},
    {OSSL_FUNC_KEYMGMT_MATCH, table_entry(key_match)},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, table_entry(key_get_params)},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, table_entry(key_gettable_params)},
    {OSSL_FUNC_KEYMGMT_EXPORT, table_entry(key_export)},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, table_entry(key_export_types)},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, table_entry(key_operation_name)},
    {0, nullptr},
};

}  // namespace quorate::provider
