#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <iomanip>
#include <sstream>

#include "provider/tables.h"

/// Public halves as everybody knows them, the key file as it was read, and a text for people.
namespace quorate::provider {
namespace {

enum class Form { Text, SpkiPem, SpkiDer, KeyFilePem, KeyFileDer };

constexpr bool is_public(Form form) { return form == Form::SpkiPem || form == Form::SpkiDer; }

void* encoder_new(void* provctx) { return provctx; }
void encoder_free(void*) {}

/// Asked for a private key, the public forms are not an answer.
template <Form kForm>
int encoder_does_selection(void*, int selection) {
  if (selection == 0 || kForm == Form::Text) return 1;
  const bool asks_private = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
  if (is_public(kForm)) return !asks_private && (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? 1 : 0;
  return asks_private ? 1 : 0;
}

std::string describe(const Key& key) {
  const KeyFile& file = key.file();
  std::ostringstream out;
  out << "Quorate threshold key: (" << file.curve->order_bits() << " bit)\n"
      << "Key id: " << file.key.hex() << "\nCluster: " << file.cluster << "\npub:";
  const Bytes point = file.X.encode();
  for (std::size_t i = 0; i < point.size(); ++i)
    out << (i % 15 == 0 ? "\n    " : "") << std::hex << std::setfill('0') << std::setw(2) << int{point[i]}
        << (i + 1 < point.size() ? ":" : "");
  out << "\nASN1 OID: " << key.group_name() << "\nNIST CURVE: " << file.curve->name() << "\n";
  return out.str();
}

std::string in_form(const Key& key, Form form) {
  switch (form) {
    case Form::Text: return describe(key);
    case Form::SpkiDer: return std::string(as_text(key.file().spki));
    case Form::KeyFileDer: return std::string(as_text(encode_key_file_der(key.file())));
    case Form::KeyFilePem: return encode_key_file_pem(key.file());
    case Form::SpkiPem: break;
  }
  const std::string body = to_base64(key.file().spki);
  std::string out = "-----BEGIN " PEM_STRING_PUBLIC "-----\n";
  for (std::size_t i = 0; i < body.size(); i += 64) out += body.substr(i, 64) + "\n";
  return out + "-----END " PEM_STRING_PUBLIC "-----\n";
}

template <Form kForm>
int encode(void* provctx, OSSL_CORE_BIO* out, const void* object, const OSSL_PARAM abstract[], int,
           OSSL_PASSPHRASE_CALLBACK*, void*) {
  auto& context = *static_cast<Context*>(provctx);
  return entry(context.errors(), 0, [&]() -> Result<int, Problem> {
    const auto* key = static_cast<const Key*>(object);
    if (abstract != nullptr || key == nullptr || !key->loaded())
      return problem(Reason::ParameterUnsupported, "only keys of this provider can be encoded");
    const std::string text = in_form(*key, kForm);
    BIO* bio = BIO_new_from_core_bio(context.library(), out);
    std::size_t written = 0;
    const bool ok = bio != nullptr && BIO_write_ex(bio, text.data(), text.size(), &written) == 1 && written == text.size();
    BIO_free(bio);
    if (!ok) return problem(Reason::OutputFailed, "the encoded key could not be written");
    return 1;
  });
}

}  // namespace

#define QUORATE_ENCODER(NAME, FORM)                                                           \
  const OSSL_DISPATCH NAME[] = {                                                              \
      {OSSL_FUNC_ENCODER_NEWCTX, table_entry(encoder_new)},                                   \
      {OSSL_FUNC_ENCODER_FREECTX, table_entry(encoder_free)},                                 \
      {OSSL_FUNC_ENCODER_DOES_SELECTION, table_entry(encoder_does_selection<Form::FORM>)},    \
      {OSSL_FUNC_ENCODER_ENCODE, table_entry(encode<Form::FORM>)},                            \
      {0, nullptr},                                                                           \
  }
QUORATE_ENCODER(kTextEncoder, Text);
QUORATE_ENCODER(kSpkiPemEncoder, SpkiPem);
QUORATE_ENCODER(kSpkiDerEncoder, SpkiDer);
QUORATE_ENCODER(kKeyFilePemEncoder, KeyFilePem);
QUORATE_ENCODER(kKeyFileDerEncoder, KeyFileDer);
#undef QUORATE_ENCODER

}  // namespace quorate::provider
