// cachemodel: fuzzing the body: what can be read can be written, and is then read as the same.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/codec.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/field.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/model.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace cachemodel;

enum class Level : std::int8_t { low, high };

struct Place {
    std::string street;
    std::optional<int> number = 1;
};

struct Tree {
    int value = 0;
    std::vector<Tree> children;
    std::map<int, Tree> named;
};

struct Everything {
    Key<std::string> name;
    bool flag = false;
    std::int8_t small = 0;
    std::uint64_t large = 0;
    std::int64_t either = 0;
    float single = 0;
    double twice = 0;
    Level level = Level::low;
    Field<std::string> text = "default";
    std::vector<std::byte> bytes;
    std::array<unsigned char, 3> rgb{};
    std::optional<std::optional<int>> maybe;
    std::variant<std::monostate, int, std::string, std::vector<bool>> choice;
    std::pair<int, bool> both;
    std::tuple<std::string, double> several;
    std::array<int, 2> fixed{};
    std::deque<std::string> lines;
    std::set<std::vector<int>> groups;
    std::map<std::string, Place> by_name;
    std::map<std::optional<int>, std::string> by_number;
    std::chrono::seconds pause{};
    std::chrono::duration<std::uint64_t, std::ratio<1, 3>> thirds{};
    std::chrono::duration<double> measured{};
    std::chrono::system_clock::time_point since;
    Field<Place> place;
    Tree tree;
};

bool read(std::string_view bytes, Everything& value, bool every_member) {
    detail::CborReader reader{bytes};
    reader.every_member_required = every_member;
    const bool is_read = detail::decode(reader, value) && reader.at_end();
    if (is_read && reader.member_was_absent) std::abort();
    return is_read;
}

std::string written(const Everything& value) {
    std::string bytes;
    detail::CborWriter writer{bytes};
    detail::encode(writer, value);
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};

    detail::CborReader reader{bytes};
    std::string_view item;
    const bool is_item = reader.skip(item) && reader.at_end();

    Everything value;
    const bool is_value = read(bytes, value, false);
    if (is_value && !is_item) std::abort();
    Everything strict;
    if (read(bytes, strict, true) && !is_value) std::abort();
    if (!is_value) return 0;

    // Numbers compare by their bits: two writings are equal where two values are.
    std::string first;
    try {
        first = written(value);
    } catch (const Error&) {
        return 0;  // what was left out, or shorter, in what was read would nest too deep
    }
    Everything again;
    if (!read(first, again, true)) std::abort();
    if (written(again) != first) std::abort();
    return 0;
}
