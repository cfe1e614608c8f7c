#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <array>
#include <cstring>
#include <string_view>

#include "provider/tables.h"

/// Two steps, as OpenSSL chains them: the PEM block with our label to DER, and DER to a key. Whatever is
/// not ours is passed over without an error: servers show us their certificates and DH parameters too.
namespace quorate::provider {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

constexpr int kPassOver = 1;

/// The decoders have no state of their own.
void* decoder_new(void* provctx) { return provctx; }
void decoder_free(void*) {}

int decoder_does_selection(void*, int selection) {
  return selection == 0 || (selection & (OSSL_KEYMGMT_SELECT_KEYPAIR | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS)) != 0 ? 1 : 0;
}

/// The next PEM block if it has our label, otherwise nothing.
Result<std::optional<Bytes>, Problem> read_pem(Context& context, OSSL_CORE_BIO* in) {
  const Bio bio(BIO_new_from_core_bio(context.library(), in));
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (bio == nullptr || PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) return std::optional<Bytes>();
  const bool ours = name == kKeyFileLabel, plain = *header == '\0';
  Bytes der;
  if (ours && size > 0) der.assign(data, data + size);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  if (!ours) return std::optional<Bytes>();
  if (!plain) return problem(Reason::KeyFileInvalid, "malformed key file: PEM headers are not allowed");
  return std::optional(std::move(der));
}

int decode_pem(void* provctx, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* argument,
               OSSL_PASSPHRASE_CALLBACK*, void*) {
  auto& context = *static_cast<Context*>(provctx);
  std::optional<Bytes> der;
  const int read = entry(context.errors(), 0, [&]() -> Result<int, Problem> {
    auto block = read_pem(context, in);
    if (!block) return fail(std::move(block).error());
    der = std::move(*block);
    return 1;
  });
  if (read == 0) return 0;
  if (!der) return kPassOver;
  std::array params = {
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, const_cast<char*>(kKeyType), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, const_cast<char*>(kKeyFileStructure), 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der->data(), der->size()),
      OSSL_PARAM_construct_end()};
  return callback(params.data(), argument);
}

/// All there is, up to one byte more than a key file may have; nothing if it does not begin as one.
std::optional<Bytes> read_der(Context& context, OSSL_CORE_BIO* in) {
  const Bio bio(BIO_new_from_core_bio(context.library(), in));
  if (bio == nullptr) return std::nullopt;
  Bytes der(kMaxKeyFile + 1);
  std::size_t size = 0, n = 0;
  while (size < der.size() && BIO_read_ex(bio.get(), der.data() + size, der.size() - size, &n) == 1 && n > 0) size += n;
  der.resize(size);
  if (!begins_as_key_file(der)) return std::nullopt;
  return der;
}

int decode_der(void* provctx, OSSL_CORE_BIO* in, int, OSSL_CALLBACK* callback, void* argument,
               OSSL_PASSPHRASE_CALLBACK*, void*) {
  auto& context = *static_cast<Context*>(provctx);
  Key* key = nullptr;
  const int read = entry(context.errors(), 0, [&]() -> Result<int, Problem> {
    const auto der = read_der(context, in);
    if (!der) return 1;
    auto loaded = Key::load(context, *der);
    if (!loaded) {
      // Servers that do not print OpenSSL's errors say "no private key found" and nothing else.
      context.log().write_limited(LogLevel::Error, loaded.error().detail, "key not loaded: " + loaded.error().detail);
      return fail(std::move(loaded).error());
    }
    key = *loaded;
    return 1;
  });
  if (read == 0) return 0;
  if (key == nullptr) return kPassOver;
  int type = OSSL_OBJECT_PKEY;
  std::array params = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, const_cast<char*>(kKeyType), 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
      OSSL_PARAM_construct_end()};
  const int taken = callback(params.data(), argument);
  // Our keymgmt's load() sets the reference to nullptr. Whoever did not load it left it to us.
  if (key != nullptr) key->release();
  return taken;
}

int decoder_export(void*, const void* reference, std::size_t size, OSSL_CALLBACK* callback, void* argument) {
  const Key* key = nullptr;
  if (size != sizeof key) return 0;
  std::memcpy(&key, reference, sizeof key);
  return key == nullptr ? 0 : export_public(*key, OSSL_KEYMGMT_SELECT_PUBLIC_KEY, callback, argument);
}

}  // namespace

const OSSL_DISPATCH kPemDecoder[] = {
    {OSSL_FUNC_DECODER_NEWCTX, table_entry(decoder_new)},
    {OSSL_FUNC_DECODER_FREECTX, table_entry(decoder_free)},
    {OSSL_FUNC_DECODER_DOES_SELECTION, table_entry(decoder_does_selection)},
    {OSSL_FUNC_DECODER_DECODE, table_entry(decode_pem)},
    {0, nullptr},
};

const OSSL_DISPATCH kDerDecoder[] = {
    {OSSL_FUNC_DECODER_NEWCTX, table_entry(decoder_new)},
    {OSSL_FUNC_DECODER_FREECTX, table_entry(decoder_free)},
    {OSSL_FUNC_DECODER_DOES_SELECTION, table_entry(decoder_does_selection)},
    {OSSL_FUNC_DECODER_DECODE, table_entry(decode_der)},
    {OSSL_FUNC_DECODER_EXPORT_OBJECT, table_entry(decoder_export)},
    {0, nullptr},
};

}  // namespace quorate::provider
