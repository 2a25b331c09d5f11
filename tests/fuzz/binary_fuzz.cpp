// cachemodel: fuzzing what cereal reads: it can be written, and is then read as the same.
// SPDX-License-Identifier: MIT
#include <cachemodel/binary.hpp>

#include <cereal/types/array.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace cachemodel;

struct Link {
    std::uint8_t value = 0;
    std::unique_ptr<Link> next;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(value, next);
    }
};

/// Takes no bytes.
struct Empty {
    template <class Archive>
    void serialize(Archive&) {}
};

struct Large {
    std::array<std::uint32_t, 16> values{};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(values);
    }
};

struct Shape {
    virtual ~Shape() = default;
    virtual int corners() const = 0;
};
struct Square final : Shape {
    std::uint8_t side = 0;

    int corners() const override { return 4; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(side);
    }
};

struct Versioned {
    std::uint8_t value = 0;

    template <class Archive>
    void serialize(Archive& archive, const std::uint32_t) {
        archive(value);
    }
};

struct Everything {
    bool flag = false;
    std::int64_t number = 0;
    std::string text;
    std::vector<std::uint32_t> numbers;
    std::vector<bool> bits;
    std::array<bool, 3> switches{};
    std::vector<std::vector<std::string>> lists;
    std::deque<std::uint8_t> queue;
    std::set<std::uint8_t> set;
    std::map<std::string, std::optional<std::uint8_t>> map;
    std::variant<std::uint8_t, std::string> choice;
    Link chain;
    std::shared_ptr<std::uint8_t> small;
    std::shared_ptr<Large> large;
    std::shared_ptr<const std::uint8_t> same;
    std::shared_ptr<Shape> shape;
    std::unique_ptr<Shape> other;
    Versioned versioned;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(flag, number, text, numbers, bits, switches, lists, queue, set, map, choice, chain,
                small, large, same, shape, other, versioned);
    }
};

template <class T>
bool read(std::string_view bytes, Binary<T>& value) {
    detail::CborReader reader{bytes};
    try {
        return detail::decode(reader, value) && reader.at_end();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) {
        return false;
    }
}

std::string written(const Binary<Everything>& value) {
    std::string bytes;
    detail::CborWriter writer{bytes};
    detail::encode(writer, value);
    return bytes;
}

}  // namespace

CEREAL_REGISTER_TYPE_WITH_NAME(Square, "Square")
CEREAL_REGISTER_POLYMORPHIC_RELATION(Shape, Square)
CEREAL_CLASS_VERSION(Versioned, 1)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string item;
    detail::CborWriter writer{item};
    writer.bytes({reinterpret_cast<const char*>(data), size});

    // Read only: the order of the one is not that of writing, elements without bytes are no more
    // than the bytes around them.
    Binary<std::unordered_map<std::uint8_t, std::vector<std::string>>> hashed;
    read(item, hashed);
    Binary<std::vector<std::vector<Empty>>> empties;
    read(item, empties);

    Binary<Everything> value;
    if (!read(item, value)) return 0;
    const std::string first = written(value);
    Binary<Everything> again;
    if (!read(first, again)) std::abort();
    if (written(again) != first) std::abort();
    return 0;
}
