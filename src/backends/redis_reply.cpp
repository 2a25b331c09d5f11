// cachemodel: what a Redis server answers, taken apart by hiredis without being kept.
// SPDX-License-Identifier: MIT
#include "backends/redis_reply.hpp"

#include "net/conversation.hpp"

#include <hiredis/hiredis.h>

#include <charconv>
#include <memory>
#include <new>
#include <system_error>

namespace cachemodel::redis {

namespace {

/// What the reader's functions below are given. It stays where it is: hiredis keeps its address
/// from the first piece of a reply on.
struct Taking {
    ItemSink* sink = nullptr;  ///< of one call
    std::exception_ptr thrown = {};
};

/// hiredis keeps a pointer for each item and looks only at whether it is null.
char kept;

void* hand_on(const redisReadTask* task, Item item) noexcept {
    auto& taking = *static_cast<Taking*>(task->privdata);
    for (const auto* parent = task->parent; parent != nullptr; parent = parent->parent) {
        ++item.depth;
    }
    item.index = item.depth == 0 ? 0 : static_cast<std::size_t>(task->idx);
    try {
        return taking.sink->take(item) ? &kept : nullptr;
    } catch (...) {
        // hiredis is C: an exception goes around it.
        taking.thrown = std::current_exception();
        return nullptr;
    }
}

void* take_text(const redisReadTask* task, char* text, std::size_t size) {
    auto kind = Item::Kind::text;
    switch (task->type) {
        case REDIS_REPLY_STRING:
            // hiredis has the two bytes behind the text, and does not look at them.
            if (text[size] != '\r' || text[size + 1] != '\n') return nullptr;
            break;
        case REDIS_REPLY_STATUS:
            kind = Item::Kind::status;
            break;
        case REDIS_REPLY_ERROR:
            kind = Item::Kind::error;
            break;
        default:  // of a protocol that was not asked for
            return nullptr;
    }
    return hand_on(task, {.kind = kind, .text = {text, size}});
}

/// The number of elements is an `int` to older versions and a `size_t` to newer ones.
template <class Count>
void* take_array(const redisReadTask* task, Count elements) {
    if (task->type != REDIS_REPLY_ARRAY) return nullptr;
    return hand_on(
        task,
        {.kind = Item::Kind::array, .text = {}, .integer = static_cast<std::int64_t>(elements)});
}

void* take_integer(const redisReadTask* task, long long integer) {
    return hand_on(task, {.kind = Item::Kind::integer, .text = {}, .integer = integer});
}

void* take_nil(const redisReadTask* task) {
    return hand_on(task, {.kind = Item::Kind::nil, .text = {}});
}

void let_go(void* /*item*/) {}

redisReplyObjectFunctions make_functions() noexcept {
    redisReplyObjectFunctions functions{};
    functions.createString = &take_text;
    functions.createArray = &take_array;
    functions.createInteger = &take_integer;
    functions.createNil = &take_nil;
    functions.freeObject = &let_go;
#if HIREDIS_MAJOR >= 1
    // Of a newer protocol, which this side never asks for.
    functions.createDouble = [](const redisReadTask*, double, char*, std::size_t) -> void* {
        return nullptr;
    };
    functions.createBool = [](const redisReadTask*, int) -> void* { return nullptr; };
#endif
    return functions;
}

}  // namespace

void ReplyReader::Free::operator()(redisReader* reader) const noexcept {
    delete static_cast<Taking*>(reader->privdata);
    redisReaderFree(reader);
}

ReplyReader::ReplyReader() {
    static redisReplyObjectFunctions functions = make_functions();
    reader_.reset(redisReaderCreateWithFunctions(&functions));
    if (reader_ == nullptr) throw std::bad_alloc{};
    reader_->privdata = std::make_unique<Taking>().release();
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::feed(std::string_view bytes) {
    if (bytes.empty()) return;
    if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
        throw std::bad_alloc{};
    }
}

ReplyReader::Progress ReplyReader::next(ItemSink& sink) {
    expected_ = 0;
    // Where nothing has come, hiredis would begin a reply all the same.
    if (reader_->pos == reader_->len) return Progress::partial;
    auto& taking = *static_cast<Taking*>(reader_->privdata);
    taking = {.sink = &sink};
    void* reply = nullptr;
    const int result = redisReaderGetReply(reader_.get(), &reply);
    if (taking.thrown) std::rethrow_exception(taking.thrown);
    if (result != REDIS_OK) return Progress::nonsense;
    if (reply != nullptr) return Progress::whole;
    return has_sound_beginning() ? Progress::partial : Progress::nonsense;
}

bool ReplyReader::has_sound_beginning() noexcept {
    const std::string_view waiting{reader_->buf + reader_->pos, reader_->len - reader_->pos};
    const auto end = waiting.substr(0, net::longest_line).find("\r\n");
    if (end == std::string_view::npos) return waiting.size() < net::longest_line;
    // A line that is complete has been taken, unless it is the size of a text that is not.
    std::size_t size = 0;
    const auto [stopped, error] = std::from_chars(waiting.data(), waiting.data() + end, size);
    if (error != std::errc{} || stopped != waiting.data() + end || size > largest_value) {
        return false;
    }
    const auto whole = end + 2 + size + 2;
    if (whole > waiting.size()) expected_ = whole - waiting.size();
    return true;
}

std::size_t ReplyReader::expected() const noexcept { return expected_; }

bool ReplyReader::is_empty() const noexcept {
    return reader_->pos == reader_->len && reader_->ridx == -1;
}

}  // namespace cachemodel::redis
