#include <signal.h>

#include <CLI/CLI.hpp>

#include "tools/commands.h"

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"quorate: set up and run clusters of threshold signers for TLS servers.\n"
               "A new cluster: 'init signer' on each host, 'ca init' and 'ca sign', 'group assemble', start signerd,\n"
               "'init admin', 'keygen'; then 'init frontend' on each TLS server.",
               "quorate"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of all commands");
  app.set_version_flag("--version", QUORATE_VERSION);
  app.footer("Exit status: 0 done, 1 failed, 2 wrong command line, 3 the cluster cannot sign at present.");
  quorate::tools::Output out;
  int code = 0;
  app.add_flag("--json", out.json, "results as JSON on standard output");
  app.fallthrough();
  quorate::tools::add_init_commands(app, out, code);
  quorate::tools::add_keygen_command(app, out, code);
  quorate::tools::add_refresh_command(app, out, code);
  quorate::tools::add_cluster_commands(app, out, code);
  quorate::tools::add_blame_command(app, out, code);
  quorate::tools::add_quarantine_command(app, out, code);
  quorate::tools::add_readiness_commands(app, out, code);
  quorate::tools::add_doctor_command(app, out, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? quorate::tools::kOk : quorate::tools::kUsage;
  }
  return code;
}
