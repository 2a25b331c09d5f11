// cachemodel: fuzzing documents: what can be read can be written, and is then read as the same.
// SPDX-License-Identifier: MIT
#include <cachemodel/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace cachemodel;

template <class T>
bool read(std::string_view bytes, T& value) {
    detail::CborReader reader{bytes};
    return detail::decode(reader, value) && reader.at_end();
}

template <class T>
std::string written(const T& value) {
    std::string bytes;
    detail::CborWriter writer{bytes};
    detail::encode(writer, value);
    return bytes;
}

template <class T>
void check(std::string_view bytes) {
    T value;
    if (!read(bytes, value)) return;
    const std::string first = written(value);
    T again;
    if (!read(first, again)) std::abort();
    if (written(again) != first) std::abort();
}

/// Converts through the library's and the standard types' converters, which may throw.
using Forced = Json<std::map<std::string, std::vector<std::pair<int, std::string>>>>;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    check<nlohmann::json>(bytes);
    check<nlohmann::ordered_json>(bytes);
    check<std::vector<nlohmann::json>>(bytes);
    try {
        check<Forced>(bytes);
    } catch (const nlohmann::json::exception&) {
        return 0;
    }
    return 0;
}
