#pragma once

#include <string>

#include "protocol/coordinator/investigation.h"
#include "protocol/net/evidence_file.h"
#include "protocol/net/log.h"

namespace quorate::net {

/// What the owner of a coordinator does with a verdict: proven evidence goes into the folder, if there is one,
/// and every finding into the log, with confirmed="yes" only where the evidence convinces others as well.
void report_verdict(const coordinator::Verdict& verdict, const std::string& cluster, const EvidenceFolder* folder,
                    const Log& log);

}  // namespace quorate::net
