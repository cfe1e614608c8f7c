// quorate doctor: the command line, and in which order things are looked at.
#include <openssl/crypto.h>

#include <CLI/CLI.hpp>

#include <ctime>

#include "tools/commands.h"
#include "tools/doctor_certificate.h"
#include "tools/doctor_frontend.h"
#include "tools/doctor_signerd.h"

namespace quorate::tools {

namespace {

namespace fs = std::filesystem;

struct DoctorOptions {
  std::string openssl_conf, module, config, key, certificate, signerd;
};

std::optional<fs::path> given(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return fs::absolute(name);
}

int examine(const DoctorOptions& options, const Output& out) {
  // The configuration in question may load a module that ends the process: not in this one.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  const doctor::FrontendOptions frontend{given(options.openssl_conf), given(options.module),
                                         given(options.config),       given(options.key),
                                         given(options.certificate),  QUORATE_VERSION};
  const bool asks_for_openssl = frontend.openssl_conf || frontend.module;
  const bool asks_for_frontend = asks_for_openssl || frontend.config || frontend.key || frontend.certificate;
  doctor::Findings findings;
  if (asks_for_frontend || options.signerd.empty())
    doctor::append(findings, doctor::examine_frontend(frontend));
  if (!options.signerd.empty())
    doctor::append(findings,
                   doctor::judge_signerd(doctor::read_signerd(*given(options.signerd)), std::time(nullptr)));
  findings.push_back(doctor::judge_clock(doctor::read_clock(), std::time(nullptr)));
  out.result(doctor::text_of(findings), doctor::json_of(findings));
  return doctor::exit_code(findings);
}

}  // namespace

void add_doctor_command(CLI::App& app, const Output& out, int& code) {
  auto options = std::make_shared<DoctorOptions>();
  auto* command = app.add_subcommand("doctor", "check an installation, and say what to do for each finding");
  command
      ->add_option("--openssl-conf", options->openssl_conf,
                   "the server's openssl.cnf (default: OPENSSL_CONF, else that of OpenSSL)")
      ->option_text("FILE");
  command->add_option("--module", options->module, "the module, if openssl.cnf does not name it yet")
      ->option_text("FILE");
  command->add_option("--config", options->config, "provider.json (default: the one openssl.cnf names)")
      ->option_text("FILE");
  command->add_option("--key", options->key, "key file of the server")->option_text("FILE");
  command->add_option("--cert", options->certificate, "certificate that the server shows")
      ->option_text("FILE");
  command
      ->add_option("--signerd", options->signerd,
                   "signerd.json: check a signer's host; the rest only if it is asked for as well")
      ->option_text("FILE");
  command->footer(
      "Run it as the user that starts the server, in the server's environment. Nothing is changed; the "
      "module is\n"
      "loaded in a process of its own. Lines begin with ok, warning or problem.\n"
      "Exit status: 0 all is well, 1 there is a problem, 2 wrong command line, 4 warnings only.");
  command->callback([options, &out, &code] { code = examine(*options, out); });
}

}  // namespace quorate::tools
