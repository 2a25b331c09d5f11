// cachemodel: members that cereal knows how to write.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/wrapper.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/fwd.hpp>

#include <cereal/cereal.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace cachemodel {

/// A member that is stored as cereal writes it: any type with a `serialize`, or with a header of
/// `<cereal/types/…>` that has been included.
///
/// Stored as one byte string, in little-endian order on every machine. Read back with every length
/// bounded by the bytes that are there; what does not fit is a miss. Elements that take no bytes (a
/// vector of empty structs) cannot be read back.
///
/// Thread safety: that of `T`.
template <class T>
class Binary : public detail::ValueWrapper<Binary<T>, T> {
 public:
    using detail::ValueWrapper<Binary<T>, T>::ValueWrapper;
};

namespace detail {

/// Objects inside of objects go no deeper than this, in either direction.
inline constexpr int most_binary_nesting = 400;

/// Numbers in little-endian order, whatever the machine's is.
inline void copy_little_endian(void* to, const void* from, std::size_t size,
                               std::size_t element) noexcept {
    std::memcpy(to, from, size);
    if constexpr (std::endian::native != std::endian::little) {
        auto* const bytes = static_cast<unsigned char*>(to);
        for (std::size_t at = 0; at + element <= size; at += element) {
            for (std::size_t i = 0; i < element / 2; ++i) {
                std::swap(bytes[at + i], bytes[at + element - 1 - i]);
            }
        }
    }
}

/// What the two archives have in common.
class BinaryNesting {
 public:
    void enter() {
        if (++depth_ > most_binary_nesting) {
            throw Error("a Binary member nests deeper than " + std::to_string(most_binary_nesting) +
                        " objects");
        }
    }
    void leave() noexcept { --depth_; }

 private:
    int depth_ = 0;
};

/// A cereal archive that appends to a string.
class BinaryWriter : public cereal::OutputArchive<BinaryWriter, cereal::AllowEmptyClassElision>,
                     public BinaryNesting {
 public:
    explicit BinaryWriter(std::string& out) : OutputArchive(this), out_(out) {}

    void write(const void* data, std::size_t size, std::size_t element) {
        const auto at = out_.size();
        out_.resize(at + size);
        if (size > 0) copy_little_endian(out_.data() + at, data, size, element);
    }

 private:
    std::string& out_;
};

/// A cereal archive on bytes that anybody may have written.
///
/// What cereal itself believes of the bytes is checked here: how many elements there are, and that
/// a pointer which says "the same object as that one" is of the same type as that one.
class BinaryReader : public cereal::InputArchive<BinaryReader, cereal::AllowEmptyClassElision>,
                     public BinaryNesting {
 public:
    explicit BinaryReader(std::string_view bytes)
        : InputArchive(this), rest_(bytes), most_elements_(bytes.size()) {}

    void read(void* data, std::size_t size, std::size_t element) {
        if (size > rest_.size()) throw Error("a Binary member is cut short");
        if (size > 0) copy_little_endian(data, rest_.data(), size, element);
        rest_.remove_prefix(size);
    }
    /// Any byte but 0 and 1 is no `bool`, and reading one would be undefined.
    void read_bools(bool* data, std::size_t size) {
        for (const char byte : rest_.substr(0, size)) {
            if (byte != 0 && byte != 1) throw Error("a Binary member has a bool that is none");
        }
        read(data, size, 1);
    }
    /// To be told of the elements of every container before room is made for them. All of them
    /// together take a byte each: containers inside of containers cannot all claim the whole rest.
    ///
    /// Errors: `Error` where there cannot be so many.
    void expect_elements(std::uint64_t count) {
        if (count > rest_.size() || count > most_elements_) {
            throw Error("a Binary member is cut short");
        }
        most_elements_ -= count;
    }
    bool at_end() const noexcept { return rest_.empty(); }

    void expect_shared(const std::type_info& type) noexcept { shared_type_ = &type; }
    // These two cereal calls, by these names, for a std::shared_ptr.
    template <class T>
    void registerSharedPointer(std::uint32_t id, std::shared_ptr<T> pointer) {
        InputArchive::registerSharedPointer(id, std::move(pointer));
        shared_types_[id & ~cereal::detail::msb_32bit] = &typeid(T);
    }
    std::shared_ptr<void> getSharedPointer(std::uint32_t id) {
        if (id == 0) return {};
        const auto known = shared_types_.find(id);
        if (known == shared_types_.end() || *known->second != *shared_type_) {
            throw Error("a Binary member shares an object that is none of its type");
        }
        return InputArchive::getSharedPointer(id);
    }

 private:
    std::string_view rest_;
    std::uint64_t most_elements_;
    std::map<std::uint32_t, const std::type_info*> shared_types_;
    const std::type_info* shared_type_ = &typeid(void);
};

template <class T>
concept BinaryNumber = std::is_arithmetic_v<T> && !std::same_as<T, long double>;

template <BinaryNumber T>
void CEREAL_SAVE_FUNCTION_NAME(BinaryWriter& archive, const T& value) {
    archive.write(&value, sizeof value, sizeof value);
}
template <BinaryNumber T>
void CEREAL_LOAD_FUNCTION_NAME(BinaryReader& archive, T& value) {
    if constexpr (std::same_as<T, bool>) {
        archive.read_bools(&value, 1);
    } else {
        archive.read(&value, sizeof value, sizeof value);
    }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(BinaryWriter& archive, const cereal::BinaryData<T>& data) {
    using Element = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
    archive.write(data.data, data.size, sizeof(Element));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(BinaryReader& archive, cereal::BinaryData<T>& data) {
    using Element = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
    if constexpr (std::same_as<Element, bool>) {
        archive.read_bools(static_cast<bool*>(data.data), data.size);
    } else {
        archive.read(data.data, data.size, sizeof(Element));
    }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(BinaryWriter& archive, const cereal::SizeTag<T>& tag) {
    archive(static_cast<std::uint64_t>(tag.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(BinaryReader& archive, cereal::SizeTag<T>& tag) {
    std::uint64_t size = 0;
    archive(size);
    archive.expect_elements(size);
    tag.size = static_cast<std::remove_cvref_t<T>>(size);
}

template <class T>
concept BinaryArchive = std::same_as<T, BinaryWriter> || std::same_as<T, BinaryReader>;

template <BinaryArchive Archive, class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}

template <class T>
concept BinaryObject = std::is_class_v<T>;

/// What cereal puts around a std::shared_ptr.
template <class T>
concept AroundSharedPointer = requires(const T& wrapper) {
    wrapper.ptr.use_count();
};

// cereal calls these before and after each object.
template <BinaryArchive Archive, BinaryObject T>
void prologue(Archive& archive, const T& object) {
    archive.enter();
    if constexpr (std::same_as<Archive, BinaryReader> && AroundSharedPointer<T>) {
        using Pointer = std::remove_cvref_t<decltype(object.ptr)>;
        archive.expect_shared(typeid(typename Pointer::element_type));
    }
}
template <BinaryArchive Archive, BinaryObject T>
void epilogue(Archive& archive, const T&) {
    archive.leave();
}

template <class T>
struct ExternalCodec<Binary<T>> {
    static constexpr bool may_be_null = false;

    static void encode(CborWriter& writer, const Binary<T>& value) {
        std::string bytes;
        BinaryWriter archive{bytes};
        archive(*value);
        writer.bytes(bytes);
    }
    /// Throws what cereal, or the type's own `serialize`, throws.
    static bool decode(CborReader& reader, Binary<T>& value) {
        std::string_view bytes;
        if (!reader.bytes(bytes)) return false;
        BinaryReader archive{bytes};
        archive(*value);
        return archive.at_end();
    }
};

}  // namespace detail

}  // namespace cachemodel

CEREAL_REGISTER_ARCHIVE(cachemodel::detail::BinaryWriter)
CEREAL_REGISTER_ARCHIVE(cachemodel::detail::BinaryReader)
CEREAL_SETUP_ARCHIVE_TRAITS(cachemodel::detail::BinaryReader, cachemodel::detail::BinaryWriter)
