// Answers CheckAvailability from a hash map of sku and quantity, by gRPC's asynchronous API on one completion queue:
// grpc-cpp PORT POSITIONS [CERTIFICATE KEY]
#include "availability/v1/availability_service.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>

using availability::v1::AvailabilityService;
using availability::v1::CheckAvailabilityRequest;
using availability::v1::CheckAvailabilityResponse;

namespace {

std::unordered_map<std::string, int64_t> quantities;

// The figures of load/dataset.c.
void fill(int64_t positions) {
    quantities.reserve(positions);
    for (int64_t position = 0; position < positions; position++) {
        char sku[32];
        snprintf(sku, sizeof sku, "SKU-%07lld", static_cast<long long>(position));
        int64_t stock = 5 + position * 7919 % 997 - 3;
        quantities.emplace(sku, std::min(stock - 2, stock * 80 / 100));
    }
}

void answer(const CheckAvailabilityRequest& request, CheckAvailabilityResponse* response) {
    response->mutable_lines()->Reserve(request.lines_size());
    for (const auto& asked : request.lines()) {
        auto* line = response->add_lines();
        line->set_sku(asked.sku());
        line->set_location(asked.location());
        auto found = quantities.find(asked.sku());
        if (found == quantities.end()) {
            line->set_status(availability::v1::AVAILABILITY_STATUS_UNKNOWN_SKU);
            continue;
        }
        line->set_available(found->second);
        line->set_status(found->second > 0 ? availability::v1::AVAILABILITY_STATUS_IN_STOCK
                                           : availability::v1::AVAILABILITY_STATUS_WITHHELD);
        line->set_freshness(availability::v1::FRESHNESS_FRESH);
    }
    response->set_policy_version(1);
}

// One call: waits for a request, answers it, and goes when the answer is out.
class Call {
public:
    Call(AvailabilityService::AsyncService* service, grpc::ServerCompletionQueue* queue)
        : service_(service), queue_(queue), writer_(&context_) {
        service_->RequestCheckAvailability(&context_, &request_, &writer_, queue_, queue_, this);
    }

    void proceed(bool ok) {
        if (finished_ || !ok) {
            delete this;
            return;
        }
        new Call(service_, queue_);
        answer(request_, &response_);
        finished_ = true;
        writer_.Finish(response_, grpc::Status::OK, this);
    }

private:
    AvailabilityService::AsyncService* service_;
    grpc::ServerCompletionQueue* queue_;
    grpc::ServerContext context_;
    CheckAvailabilityRequest request_;
    CheckAvailabilityResponse response_;
    grpc::ServerAsyncResponseWriter<CheckAvailabilityResponse> writer_;
    bool finished_ = false;
};

std::string read(const char* path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3 && count != 5) return 64;
    fill(std::stoll(arguments[2]));
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (count == 5) {
        grpc::SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back({read(arguments[4]), read(arguments[3])});
        credentials = grpc::SslServerCredentials(options);
    }
    AvailabilityService::AsyncService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(std::string("127.0.0.1:") + arguments[1], credentials);
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (!server) return 1;
    // As many as the load keeps in flight, so that none waits to be taken.
    for (int waiting = 0; waiting < 1000; waiting++) new Call(&service, queue.get());
    void* tag;
    bool ok;
    while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->proceed(ok);
}
