// cachemodel: what a cache tells about what it does.
// SPDX-License-Identifier: MIT
#include <cachemodel/observer.hpp>

namespace cachemodel {

std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::get:
            return "get";
        case Operation::peek:
            return "peek";
        case Operation::set:
            return "set";
        case Operation::add:
            return "add";
        case Operation::compare_and_set:
            return "compare and set";
        case Operation::remove:
            return "remove";
        case Operation::touch:
            return "touch";
        case Operation::increment:
            return "increment";
        case Operation::remaining_lifetime:
            return "remaining lifetime";
        case Operation::list_keys:
            return "list keys";
        case Operation::clear:
            return "clear";
    }
    return "unknown";
}

}  // namespace cachemodel
