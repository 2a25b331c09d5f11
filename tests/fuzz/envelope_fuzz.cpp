// cachemodel: fuzzing the envelope: bytes are an entry of the key, or a miss.
// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "envelope.hpp"

namespace {

using namespace cachemodel::detail;

/// Takes the entry apart, and puts it together again: the same bytes.
void check(std::string_view bytes, std::string_view key) {
    const OpenResult opened = open_entry(bytes, key);
    if (!opened.entry) return;
    if (opened.entry->envelope.key != key) std::abort();
    std::string again;
    begin_entry(again, opened.entry->envelope);
    again += opened.entry->body;
    end_entry(again);
    if (again != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    check(bytes, "key");
    // No fuzzer guesses a checksum: once more with one that fits.
    std::string sealed{bytes};
    end_entry(sealed);
    check(sealed, "key");
    check(sealed, "");
    return 0;
}
