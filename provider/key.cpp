#include "provider/key.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <new>

namespace quorate::provider {

Key::Key(Context& context, KeyFile file, std::shared_ptr<Engine> engine)
    : context_(context), file_(std::move(file)), engine_(std::move(engine)) {
  const unsigned char* in = file_.spki.data();
  public_key_ = d2i_PUBKEY_ex(nullptr, &in, static_cast<long>(file_.spki.size()), context.library(), nullptr);
  if (public_key_ == nullptr) throw std::bad_alloc();
}

Key::~Key() { EVP_PKEY_free(public_key_); }

Result<Key*, Problem> Key::load(Context& context, ByteView der) {
  auto file = parse_key_file_der(der);
  if (!file) return problem(Reason::KeyFileInvalid, std::move(file).error());
  auto engine = context.engine();
  if (!engine) return fail(std::move(engine).error());
  // Daemons close their standard error; the log that provider.json names is where their reader looks.
  context.check_neighbours(*engine == nullptr ? context.log() : (*engine)->log());
  const std::string id = file->key.brief();
  if (*engine == nullptr) {
    context.log().write_limited(LogLevel::Warning, "not configured",
                                "key " + id + " is loaded but cannot sign: openssl.cnf has no quorate-config");
  } else {
    if ((*engine)->cluster() != file->cluster)
      return problem(Reason::ClusterMismatch, "key " + id + " belongs to cluster \"" + file->cluster + "\", but " +
                                                  context.config_path()->string() + " is for \"" +
                                                  (*engine)->cluster() + "\"");
    (*engine)->add_key(*file);
  }
  return new Key(context, std::move(*file), std::move(*engine));
}

const char* Key::group_name() const { return OBJ_nid2sn(EC_GROUP_get_curve_name(file_.curve->group())); }

std::size_t Key::max_signature() const {
  // SEQUENCE of two INTEGERs, each perhaps with a sign byte; all lengths are below 128.
  return 2 + 2 * (2 + 1 + file_.curve->scalar_size());
}

}  // namespace quorate::provider
