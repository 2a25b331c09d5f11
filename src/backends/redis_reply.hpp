// cachemodel: what a Redis server answers, taken apart by hiredis without being kept.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct redisReader;

namespace cachemodel::redis {

/// The largest value that the protocol carries.
inline constexpr std::size_t largest_value = std::size_t{512} << 20;

/// A reply, or an element of one that is an array.
struct Item {
    enum class Kind : std::uint8_t { text, status, error, integer, nil, array };

    Kind kind;
    int depth = 0;             ///< 0 is the reply itself
    std::size_t index = 0;     ///< in the array that it is an element of
    std::string_view text;     ///< of a text, a status or an error
    std::int64_t integer = 0;  ///< also the number of an array's elements
};

/// Takes the items of replies, an array before its elements.
class ItemSink {
 public:
    /// `item` is valid during the call only. False when it makes no sense.
    virtual bool take(const Item& item) = 0;

 protected:
    ItemSink() = default;
    ItemSink(const ItemSink&) = default;
    ~ItemSink() = default;
};

/// Reads replies, one after the other, out of bytes that come in any pieces.
///
/// Nothing is allocated for what a reply announces, only for what has come: of that, one text that
/// is not complete yet.
class ReplyReader {
 public:
    ReplyReader();
    ~ReplyReader();

    void feed(std::string_view bytes);

    enum class Progress : std::uint8_t {
        whole,     ///< one reply was taken
        partial,   ///< more must come
        nonsense,  ///< no reply, or one that the sink does not take; the reader is of no more use
    };
    /// Hands on what has come of the next reply. What `sink` throws leaves this.
    Progress next(ItemSink& sink);

    /// The bytes that are missing of the text that has begun; 0 where that is not known.
    std::size_t expected() const noexcept;
    /// Everything that was fed has been taken.
    bool is_empty() const noexcept;

 private:
    struct Free {
        void operator()(redisReader* reader) const noexcept;
    };

    bool has_sound_beginning() noexcept;

    std::unique_ptr<redisReader, Free> reader_;
    std::size_t expected_ = 0;
};

}  // namespace cachemodel::redis
