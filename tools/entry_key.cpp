// cachemodel: the command line tool: which key an entry belongs to.
// SPDX-License-Identifier: MIT
#include "entry_key.hpp"

#include <cachemodel/detail/key_text.hpp>

#include <string>

namespace cachemodel::tool {

bool belongs_to(const Target& target, const NamedKey& key, std::string_view in_envelope) {
    if (in_envelope == key.final_key) return true;
    const auto stored = detail::make_entry_key(std::string{in_envelope}, 0, false).stored;
    // A final key may be of another prefix or version.
    return target.cache().final_key(stored) == key.final_key ||
           (key.model_key.empty() && key.final_key.ends_with(':' + stored));
}

}  // namespace cachemodel::tool
