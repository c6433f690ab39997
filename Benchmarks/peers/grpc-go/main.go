// Answers CheckAvailability from a map of sku and quantity, with gRPC-Go as it comes:
// grpc-go PORT POSITIONS [CERTIFICATE KEY]
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "availability/v1"
)

type server struct {
	pb.UnimplementedAvailabilityServiceServer
	quantities map[string]int64
}

// The figures of load/dataset.c.
func fill(positions int64) map[string]int64 {
	quantities := make(map[string]int64, positions)
	for position := int64(0); position < positions; position++ {
		stock := 5 + position*7919%997 - 3
		quantity := stock * 80 / 100
		if stock-2 < quantity {
			quantity = stock - 2
		}
		quantities[fmt.Sprintf("SKU-%07d", position)] = quantity
	}
	return quantities
}

func (s *server) CheckAvailability(
	_ context.Context, request *pb.CheckAvailabilityRequest,
) (*pb.CheckAvailabilityResponse, error) {
	response := &pb.CheckAvailabilityResponse{Lines: make([]*pb.AvailabilityLine, 0, len(request.Lines)), PolicyVersion: 1}
	for _, asked := range request.Lines {
		line := &pb.AvailabilityLine{Sku: asked.Sku, Location: asked.Location}
		quantity, known := s.quantities[asked.Sku]
		switch {
		case !known:
			line.Status = pb.AvailabilityStatus_AVAILABILITY_STATUS_UNKNOWN_SKU
		case quantity > 0:
			line.Status = pb.AvailabilityStatus_AVAILABILITY_STATUS_IN_STOCK
		default:
			line.Status = pb.AvailabilityStatus_AVAILABILITY_STATUS_WITHHELD
		}
		if known {
			line.Available = quantity
			line.Freshness = pb.Freshness_FRESHNESS_FRESH
		}
		response.Lines = append(response.Lines, line)
	}
	return response, nil
}

func main() {
	if len(os.Args) != 3 && len(os.Args) != 5 {
		log.Fatal("grpc-go PORT POSITIONS [CERTIFICATE KEY]")
	}
	positions, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	var options []grpc.ServerOption
	if len(os.Args) == 5 {
		tls, err := credentials.NewServerTLSFromFile(os.Args[3], os.Args[4])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	service := &server{quantities: fill(positions)}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	peer := grpc.NewServer(options...)
	pb.RegisterAvailabilityServiceServer(peer, service)
	log.Fatal(peer.Serve(listener))
}
