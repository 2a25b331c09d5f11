// cachemodel: what is thrown, and the failure of one key among many.
// SPDX-License-Identifier: MIT
#include <cachemodel/error.hpp>

#include <cachemodel/detail/wrapper.hpp>

#include <utility>

namespace cachemodel {

namespace {

std::string missing_message(const std::string& model, const std::string& key,
                            const std::optional<BrokenReference>& broken) {
    if (!broken) return "there is no " + model + ": " + key;
    return "there is no " + broken->to_model + ": " + broken->to_key + ", to which " +
           broken->from_key + " refers; asked for was " + key;
}

std::string incomplete_message(const std::string& model, const std::vector<std::string>& unset) {
    std::string message = "the key of " + model + " is incomplete; not set:";
    for (const auto& name : unset) message += ' ' + name;
    return message;
}

}  // namespace

Missing::Missing() : Error("the source has none") {}

Missing::Missing(std::string model, std::string key, std::optional<BrokenReference> broken)
    : Error(missing_message(model, key, broken)),
      model_(std::move(model)),
      key_(std::move(key)),
      broken_(std::move(broken)) {}

std::string_view to_string(BackendFault fault) noexcept {
    switch (fault) {
        case BackendFault::timeout:
            return "timeout";
        case BackendFault::unavailable:
            return "unavailable";
        case BackendFault::full:
            return "full";
        case BackendFault::auth:
            return "auth";
        case BackendFault::permission:
            return "permission";
        case BackendFault::protocol:
            return "protocol";
        case BackendFault::unsupported:
            return "unsupported";
        case BackendFault::value_too_large:
            return "value too large";
    }
    return "unknown";
}

BackendError::BackendError(BackendFault fault, const std::string& message)
    : Error(std::string{to_string(fault)} + ": " + message), fault_(fault) {}

ValueTooLarge::ValueTooLarge(std::size_t size, std::size_t limit)
    : BackendError(BackendFault::value_too_large,
                   std::to_string(size) + " bytes, the limit is " + std::to_string(limit)),
      size_(size),
      limit_(limit) {}

IncompleteKey::IncompleteKey(std::string model, std::vector<std::string> unset)
    : Error(incomplete_message(model, unset)), model_(std::move(model)), unset_(std::move(unset)) {}

Failure::Failure(std::exception_ptr error) {
    Kept kept{std::move(error), {}, {}};
    try {
        std::rethrow_exception(kept.error);
    } catch (const BackendError& e) {
        kept.message = e.what();
        kept.fault = e.fault();
    } catch (const std::exception& e) {
        kept.message = e.what();
    } catch (...) {
        kept.message = "an exception that is no std::exception";
    }
    kept_ = std::make_shared<const Kept>(std::move(kept));
}

Failure::Failure(BackendFault fault, const std::string& message)
    : Failure(BackendError{fault, message}) {}

void Failure::rethrow() const { std::rethrow_exception(kept_->error); }

void detail::throw_number_out_of_range() {
    throw InvalidKey("a number does not fit into the key's type");
}

}  // namespace cachemodel
