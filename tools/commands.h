#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/output.h"

namespace CLI {
class App;
}

namespace quorate::tools {

/// Each adds its subcommands to the CLI; `code` receives the exit code of the one that runs.
void add_init_commands(CLI::App& app, const Output& out, int& code);      ///< init, ca, group
void add_keygen_command(CLI::App& app, const Output& out, int& code);     ///< keygen
void add_refresh_command(CLI::App& app, const Output& out, int& code);    ///< refresh
void add_cluster_commands(CLI::App& app, const Output& out, int& code);   ///< status, sign, key
void add_blame_command(CLI::App& app, const Output& out, int& code);      ///< blame
void add_quarantine_command(CLI::App& app, const Output& out, int& code); ///< quarantine
void add_readiness_commands(CLI::App& app, const Output& out, int& code); ///< ready, haproxy-agent
void add_doctor_command(CLI::App& app, const Output& out, int& code);     ///< doctor

}  // namespace quorate::tools
